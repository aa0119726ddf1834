# shellcheck shell=bash
# Sourced. A network block device, the kernel's, with its server's memory behind it.

# start_nbd N SIZE: the server on machine N, with a connection to it for each CPU.
# Leaves the device in $nbd and the server's process in $nbdkit_pid.
start_nbd() {
  modprobe -q nbd || true
  nbd=/dev/nbd0
  [[ -b $nbd ]] || fail "this kernel has no nbd (CONFIG_BLK_DEV_NBD)"
  [[ $(<"/sys/block/${nbd##*/}/size") == 0 ]] || fail "$nbd is in use: disconnect it with nbd-client -d $nbd"
  ip netns exec "farswap$1" nbdkit --foreground --ipaddr "10.99.$1.2" --port 10809 \
    memory "$2" allocator=malloc,mlock=true &
  nbdkit_pid=$!
  undo end "$nbdkit_pid"
  wait_for 30 nbd-client -persist "10.99.$1.2" 10809 "$nbd" -b 4096 -C "$(nproc)" >"${work:?}/nbd.log" 2>&1 ||
    fail "no nbd: $(<"$work/nbd.log")"
  undo nbd-client -d "$nbd"
}
