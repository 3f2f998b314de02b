#!/bin/sh
# /init of the disk test: "ringfence.disk=write" makes a file system on the disk and fills it,
# "ringfence.disk=check" reads it back in another boot.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module.ko"; done </modules/order
disk=/dev/nvme0n1

# The host's digest of each file tells whether it arrived.
digests() {
  for file in fixed tree/1/2/3/deep sparse many/199 renamed; do
    echo "[$(echo "$file" | tr / _)] $(sha256sum <"/mnt/$file")"
  done
  echo "[many] $(cat /mnt/many/* | sha256sum)"
  echo "[count] $(find /mnt/many -type f | wc -l)"
  echo "[removed] $(test -e /mnt/removed && echo there || echo gone)"
  echo "[target] $(cat /mnt/link)"
}

case " $(cat /proc/cmdline) " in
*" ringfence.disk=write "*)
  busybox mke2fs -L ringfence $disk >/dev/null && mount -t ext2 $disk /mnt && echo "[mounted] yes"
  cp /fixed /mnt/fixed
  mkdir -p /mnt/tree/1/2/3 /mnt/many
  echo deep >/mnt/tree/1/2/3/deep
  i=0
  while [ $i -lt 200 ]; do
    echo "file $i" >"/mnt/many/$i"
    i=$((i + 1))
  done
  dd if=/fixed of=/mnt/sparse bs=4096 seek=1000 2>/dev/null
  echo content >/mnt/removed && sync && rm /mnt/removed
  echo moved >/mnt/before && mv /mnt/before /mnt/renamed
  echo pointed >/mnt/pointed && ln -s pointed /mnt/link
  ;;
*)
  mount -t ext2 $disk /mnt && echo "[mounted] yes"
  ;;
esac
digests
echo "[free] $(df -k /mnt | tail -n 1 | awk '{ print $2, $3 }')"
sync
umount /mnt && echo "[unmounted] yes"
echo "[end]"
poweroff -f
