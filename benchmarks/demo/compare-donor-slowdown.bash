# shellcheck shell=bash
# Sourced. A program that grows past a donor's headroom, and how fast it gets memory back.
: "${work:?}" "${runs:?}" "${slab:?}" "${mib:?}"
declare -A donor_pid
declare server_pid

lent=$((8 * slab)) headroom=$((512 * mib))
start=$((headroom + 128 * mib)) # available when it begins to grow, a donor holding what it lends
growth=$((512 * mib))
load_rate=50 # accesses a second: what leaves the emulated processors some time

# measure_slowdown: in turns. What is lent is free in the runs without a donor.
measure_slowdown() {
  local run
  leave $((200 * mib)) # what the guest has never touched is slower the first time: it is not there yet
  for ((run = 1; run <= runs; run++)); do
    say "Slowdown, run $run of $runs"
    leave_enough
    grow alone_idle $((start + lent))
    beside dropped_idle 0
    beside moved_idle 0 2
    alone_loaded
    beside moved_loaded $load_rate 2
  done
}

# grow SERIES BYTES: the program, so much memory being available. Its busy time goes into the series.
grow() {
  leave "$2"
  farswap bench grow --name "$1" --after 5s --size $growth --below $headroom >"$work/grow.json" 2>"$work/grow.log" ||
    why "$1" "$(last_words "$work/grow.log")" || return 0
  add "$1" "$(in_ns busy_seconds)"
  add "$1_elapsed" "$(in_ns seconds)"
  add "$1_late" "$(in_ns late_seconds)"
  add wrong "$(number mismatches <"$work/grow.json")"
  cp "$work/grow.json" "$OUT/grow-$1-$(wc -l <"$work/$1.series").json"
}
in_ns() { number "$1" <"$work/grow.json" | awk '{ printf "%.0f\n", $1 * 1e9 }'; }

# beside SERIES RATE [N]: the program on the machine of a donor that has lent to a device with so many
# accesses a second, and whose slabs can go to donor N, if it is given.
beside() {
  local before n cpu=()
  leave_enough
  donor_begins 1 --memory $lent --headroom $headroom --ahead -1
  device_begins $lent
  load_begins $lent
  wait_for 30 donor_holds 1 $lent || fail "the donor does not get all slabs: $(donor_number 1 mapped)"
  [[ ! ${3:-} ]] || receiver "$3"
  load_goes load "$2"
  before=$(($(wc -l <"$work/demo1.log") + 1))
  for n in 1 ${3:-}; do cpu+=("-$(cpu_time "${donor_pid[$n]}")"); done
  cpu+=("-$(cpu_time "$server_pid")")
  grow "$1" $start
  add "$1_cpu_donor" "$(($(cpu_time "${donor_pid[1]}") + cpu[0]))"
  [[ ! ${3:-} ]] || add "$1_cpu_receiver" "$(($(cpu_time "${donor_pid[$3]}") + cpu[1]))"
  add "$1_cpu_device" "$(($(cpu_time "$server_pid") + cpu[-1]))"
  answered "$1" "$before"
  leave_enough
  load_ends
  device_ends
  donor_ends 1
  [[ ! ${3:-} ]] || donor_ends "$3"
}

# receiver N: a donor that has the memory for all slabs ready, so that to move them takes none.
receiver() {
  donor_begins "$1" --memory $((lent + slab)) --headroom 0 --ahead 9
  wait_for 60 donor_prepared "$1" $lent || fail "donor $1 does not prepare slabs"
  wait_for 60 donor_used "$1" || fail "the device does not find donor $1"
}

# alone_loaded: the same load while the slabs are at another donor.
alone_loaded() {
  leave_enough
  donor_begins 2 --memory $((lent + slab)) --headroom 0 --ahead 9
  device_begins $lent
  load_begins $lent
  load_goes load $load_rate
  grow alone_loaded $((start + lent))
  leave_enough
  load_ends
  device_ends
  donor_ends 2
}

# answered SERIES LINE: how long after the shortage the first slab's memory was back, and all that
# lacked; from that line of the donor's log on.
answered() {
  local short deep first back
  short=$(number short_at_ms <"$work/grow.json") deep=$(number deep_at_ms <"$work/grow.json")
  back=$(number back_at_ms <"$work/grow.json")
  first=$(events "$2" "slabs evicted" "$work/demo1.log" | sed -n 1p)
  ((${short:-0})) || why "$1_first" "the headroom was never short" || return 0
  [[ $first ]] || why "$1_first" "nothing came back" || return 0
  add "$1_first" $(((first - short > 0 ? first - short : 0) * 1000000))
  # Without a deep shortage the donor was in time.
  add "$1_deep" $(((deep && first > deep ? first - deep : 0) * 1000000))
  ((${back:-0})) || why "$1_all" "the headroom was not there again before the program ended" || return 0
  add "$1_all" $(((back - short) * 1000000))
}
