# shellcheck shell=bash
# Sourced. Slabs that go back: one that moves, all of a donor's, and one that the backing file has.
: "${work:?}" "${runs:?}" "${slab:?}" "${mib:?}" "${gib:?}"
declare -A donor_pid
declare path

move_rate=300 # accesses a second

# measure_move: one slab goes to and fro between two donors.
measure_move() {
  local run from=1 to=2 other moved
  donor_begins 1 --memory "$slab" --headroom 0 --ahead 1
  device_begins "$slab"
  load_begins "$slab"
  wait_for 30 donor_holds 1 "$slab" || fail "the donor does not get the slab"
  donor_begins 2 --memory "$slab" --headroom 0 --ahead 1
  wait_for 60 donor_used 2 || fail "the device does not find donor 2"
  for ((run = 1; run <= runs; run++)); do
    wait_for 60 donor_prepared $to "$slab" || fail "donor $to does not prepare the slab"
    moved=$(moves)
    load_goes "before$run" $move_rate
    sleep 8
    load_goes "during$run" $move_rate
    farswap donor resize "demo$from" --memory 4M
    wait_for 60 moved_more "$moved" || why move "slab not moved: $(last_words "$work/device.log")" || break
    load_goes rest 0
    add_durations move_took took "slab is moved" <(tail -n 1 <(grep -F '"message":"slab is moved"' "$work/device.log"))
    farswap donor resize "demo$from" --memory "$slab"
    other=$from from=$to to=$other
  done
  load_ends
  for ((run = 1; run <= runs; run++)); do
    for part in reads writes; do
      add "before_$part" "$(load_figure "before$run" $part p99_ns)" || true
      add "during_$part" "$(load_figure "during$run" $part p99_ns)" || true
      add "before_${part}_p50" "$(load_figure "before$run" $part p50_ns)" || true
      add "during_${part}_p50" "$(load_figure "during$run" $part p50_ns)" || true
      add "during_${part}_max" "$(load_figure "during$run" $part max_ns)" || true
    done
  done
  cp "$work/load.json" "$OUT/move.json"
  device_ends
  donor_ends 1
  donor_ends 2
}
moves() { grep -cF '"message":"slab is moved"' "$work/device.log" || true; }
moved_more() { (($(moves) > $1)); }

# measure_drain: a donor of 16 slabs, to two others, under load.
measure_drain() {
  local n part begun
  donor_begins 1 --memory "$gib" --headroom 0 --ahead -1
  device_begins "$gib"
  load_begins "$gib"
  wait_for 30 donor_holds 1 "$gib" || fail "the donor does not get all slabs: $(donor_number 1 mapped)"
  for n in 2 3; do donor_begins $n --memory $((9 * slab)) --headroom 0 --ahead 9; done
  for n in 2 3; do wait_for 60 donor_used $n || fail "the device does not find donor $n"; done
  load_goes before $move_rate
  sleep 8
  load_goes during $move_rate
  begun=$(date +%s%N)
  farswap donor drain demo1
  if wait_for 600 donor_gone 1; then add drain_took $(($(date +%s%N) - begun)); else why drain "not drained in 600 s"; fi
  load_goes rest 0
  add drain_moved "$(moves)"
  add drain_dropped "$(farswap ublk status "$path" --json | number dropped)"
  load_ends
  for part in reads writes; do
    add "drain_before_$part" "$(load_figure before $part p99_ns)"
    add "drain_during_$part" "$(load_figure during $part p99_ns)"
  done
  cp "$work/load.json" "$OUT/drain.json"
  device_ends
  for n in 1 2 3; do donor_ends $n; done
}
donor_gone() { ! kill -0 "${donor_pid[$1]}" 2>/dev/null; }

# measure_evict: a donor of 12 slabs lends less and less. There is no other donor.
measure_evict() {
  local run evictions lends=$((12 * slab)) part at
  donor_begins 1 --memory "$lends" --headroom 0 --ahead -1
  device_begins "$lends"
  for ((at = 0; at < lends; at += slab)); do
    for _ in 1 2; do dd if=/dev/zero of="$path" bs=64k oflag=direct,seek_bytes seek=$at count=8 status=none; done
  done
  wait_for 30 donor_holds 1 "$lends" || fail "the donor does not get all slabs: $(donor_number 1 mapped)"
  sleep 3 # what was just mapped is not asked back
  for ((run = 1; run <= (runs < 11 ? runs : 11); run++)); do
    evictions=$(donor_number 1 evictions)
    farswap donor resize demo1 --memory $((lends - run * slab))
    wait_for 30 evicted_more "$evictions" || why evict "slab not evicted" || break
    farswap donor status demo1 --json >"$work/evicted.json"
    for part in choosing checking asking returning freeing; do
      add "evict_$part" "$(number "${part}_ns" <"$work/evicted.json")"
    done
    add evict_drained "$(farswap ublk status "$path" --json | number drained_ns)"
    add evict_over "$(awk "BEGIN { printf \"%.0f\", $(number choosing_ns <"$work/evicted.json") + $(number returning_ns <"$work/evicted.json") - $(sed -n '$p' "$work/evict_drained.series") }")"
  done
  device_ends
  donor_ends 1
}
evicted_more() { (($(donor_number 1 evictions) > $1)); }
