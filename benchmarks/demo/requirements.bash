# shellcheck shell=bash
# Sourced. Says what this machine lacks, all of it at once.

# require COMMAND…: root, ublk, memory cgroups, network namespaces, and these commands.
require() {
  local lacks=() command
  ((EUID == 0)) || lacks+=("root: run it with sudo")
  for command in "$@"; do
    command -v "$command" >/dev/null || lacks+=("the command $command")
  done
  [[ -e /dev/ublk-control ]] || modprobe -q ublk_drv 2>/dev/null || true
  [[ -e /dev/ublk-control ]] || lacks+=("ublk: a kernel from 6.1 on with the module ublk_drv (CONFIG_BLK_DEV_UBLK)")
  grep -qsw memory /sys/fs/cgroup/cgroup.subtree_control || lacks+=("cgroup 2 with the memory controller at /sys/fs/cgroup")
  [[ -e /proc/self/ns/net ]] || lacks+=("network namespaces (CONFIG_NET_NS)")
  ((${#lacks[@]})) || return 0
  echo "demo: this machine lacks:" >&2
  printf '  %s\n' "${lacks[@]}" >&2
  echo "demo: without --host it runs in a virtual machine, which has all of it." >&2
  exit 1
}
