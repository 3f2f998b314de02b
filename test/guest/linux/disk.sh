#!/bin/sh
# /init of the disk tests, as "ringfence.disk=" says: "write" makes a file system on the disk and fills it, "check"
# reads it back in another boot; "install" puts a bootable system beside the files and reboots with all of it
# still mounted, and "root" is what runs from there.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
grep -q ' /dev devtmpfs ' /proc/mounts || mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module.ko"; done </modules/order
disk=/dev/nvme0n1
top=/mnt
mode=$(sed -n 's/.* ringfence\.disk=\([a-z]*\).*/\1/p' /proc/cmdline)

fill() {
  cp /fixed $top/fixed
  mkdir -p $top/tree/1/2/3 $top/many
  echo deep >$top/tree/1/2/3/deep
  i=0
  while [ $i -lt 200 ]; do
    echo "file $i" >"$top/many/$i"
    i=$((i + 1))
  done
  dd if=/fixed of=$top/sparse bs=4096 seek=1000 2>/dev/null
  echo content >$top/removed && sync && rm $top/removed
  echo moved >$top/before && mv $top/before $top/renamed
  echo pointed >$top/pointed && ln -s pointed $top/link
}

install() {
  mkdir $top/dev $top/proc $top/sys $top/mnt
  cp -a /bin /modules $top && cp /disk.sh $top/init && echo "[installed] yes"
}

# The host's digest of each file tells whether it arrived.
digests() {
  for file in fixed tree/1/2/3/deep sparse many/199 renamed; do
    echo "[$(echo "$file" | tr / _)] $(sha256sum <"$top/$file")"
  done
  echo "[many] $(cat $top/many/* | sha256sum)"
  echo "[count] $(find $top/many -type f | wc -l)"
  echo "[removed] $(test -e $top/removed && echo there || echo gone)"
  echo "[target] $(cat $top/link)"
  echo "[free] $(df -k $top/ | tail -n 1 | awk '{ print $2, $3 }')"
  [ -e $top/copied ] && echo "[copied] $(sha256sum <$top/copied)"
}

case $mode in
write | install)
  busybox mke2fs -L ringfence $disk >/dev/null && mount -t ext2 $disk $top && echo "[mounted] yes"
  fill
  ;;
check)
  mount -t ext2 $disk $top && echo "[mounted] yes"
  ;;
root)
  top=
  echo "[mounted] $(awk '$5 == "/" { print $3, $8 }' /proc/self/mountinfo)"
  echo "[device] $(cat /sys/block/nvme0n1/dev)"
  ;;
esac
[ "$mode" = install ] && install
digests
if [ "$mode" = install ]; then
  sync
  echo "[end]"
  reboot -f
fi
if [ "$mode" = root ]; then
  cat /fixed /many/* >/copied
  sync
  echo 3 >/proc/sys/vm/drop_caches
  echo "[copied] $(sha256sum </copied)"
  mount -o remount,ro / && echo "[unmounted] yes"
else
  sync
  umount $top && echo "[unmounted] yes"
fi
echo "[end]"
poweroff -f
