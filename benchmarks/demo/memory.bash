# shellcheck shell=bash
# Sourced. A memory limit for the workload.

cgroup=/sys/fs/cgroup/farswap-demo

# make_cgroup BYTES: what runs in it may use so much memory and swaps the rest.
make_cgroup() {
  mkdir "$cgroup"
  undo rmdir "$cgroup"
  echo "$1" >"$cgroup/memory.max"
}

# limited COMMAND…: runs COMMAND in the cgroup. In the background, so that a signal to this script
# does not have to wait for its end.
limited() {
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec "$@"
  ) &
  undo end $!
  wait $!
}
