#!/bin/sh
# /init of the test guests: the session of the boot tests where the kernel's command line asks for it, a
# shell on the console otherwise.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module.ko"; done </modules/order

session() {
  echo "[uname] $(uname -s -r -m)"
  echo "[cpus] $(grep -c ^processor /proc/cpuinfo)"
  echo "[vendor] $(grep -m1 vendor_id /proc/cpuinfo)"
  echo "[memory] $(awk '/MemTotal/ { print $2 }' /proc/meminfo)"
  echo "[digest] $(dd if=/fixed bs=4096 2>/dev/null | sha256sum)"
  echo "[round] $(gzip -c /fixed | gunzip -c | sha256sum)"
  echo "[gunzip] $(gunzip -c /fixed.gz | sha256sum)"
  echo "[awk] $(awk -f /float.awk)"
  i=0
  while [ $i -lt 200 ]; do
    /bin/true && i=$((i + 1))
  done
  echo "[forks] $i"
  echo "[pipe] $(seq 1 2000 | grep 7 | sort -rn | head -n 5 | tr '\n' ' ')"
  before=$(cut -d' ' -f1 /proc/uptime)
  sleep 1
  echo "[sleep] $before $(cut -d' ' -f1 /proc/uptime)"
  echo "[date] $(date -u +%Y-%m-%dT%H:%M:%S)"
  if [ -b /dev/nvme0n1 ]; then
    echo "[disk] $(cat /sys/block/nvme0n1/size) $(dd if=/dev/nvme0n1 bs=64k 2>/dev/null | sha256sum)"
    dd if=/fixed of=/dev/nvme0n1 bs=4096 seek=16 conv=notrunc 2>/dev/null && sync
    echo "[written] $(dd if=/dev/nvme0n1 bs=4096 skip=16 count=64 iflag=direct 2>/dev/null | sha256sum)"
  fi
  echo "[end]"
}

case " $(cat /proc/cmdline) " in
*" ringfence.session=test "*) session ;;
*" ringfence.session=reboot "*) reboot -f ;;
*) setsid cttyhack sh ;;
esac
poweroff -f
