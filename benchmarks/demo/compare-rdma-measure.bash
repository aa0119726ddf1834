# shellcheck shell=bash
# Sourced. The measurements. Each adds a figure to a series, a file with a line per run, or says why not.
: "${work:?}" "${address:?}" "${device_size:?}" "${slab:?}" "${duration:?}" "${size:?}"
declare -A port donor_pid server_pid path # by name of donor or device
declare -a swap_options perftest

seconds=${duration%s}

# measure_verbs: reads and writes, ours and perftest's right after one another. For a read perftest polls
# without end, ours for so long that it comes to the same.
measure_verbs() {
  verbs_figure our_read p50_ns --op read --depth 1 --spin 10ms || true
  perftest_figure ib_read ib_read_lat 5 1000 -n $((10000 * seconds)) || true
  verbs_figure our_write ops_per_s --op write --depth 64 || true
  perftest_figure ib_write ib_write_bw 5 1000000 -t 64 -D "$seconds" || true
}

# measure_devices RUN: everything else once.
measure_devices() {
  local transport
  page_in null || true
  page_in rdma || true
  for transport in tcp rdma; do donor_cost $transport || true; done
  for transport in tcp rdma; do paging $transport "$1" || true; done
}

# verbs_figure SERIES FIELD OPTION…: a figure of `farswap bench verbs` over RDMA.
verbs_figure() {
  [[ ! -s $work/donor-verbs.why ]] || why "$1" "no donor: $(<"$work/donor-verbs.why")" || return
  farswap bench verbs --donor "$address:${port[verbs]}" --cert "$work/here" --transport rdma --size 4K \
    --duration "$duration" "${@:3}" --json >"$work/verbs.json" 2>"$work/verbs.log" ||
    why "$1" "$(last_words "$work/verbs.log")" || return
  add "$1" "$(sed -n "s/^ *\"$2\": \([0-9.]*\),*$/\1/p" "$work/verbs.json")"
}

# perftest_figure SERIES PROGRAM FIELD FACTOR OPTION…: a field of its line of figures, times FACTOR,
# against a server of the same program at the same address. Without -R: its server would then use up a
# processor while it waits for the end, and both would look half as fast as they are.
perftest_figure() {
  command -v "$2" >/dev/null || why "$1" "no $2: install perftest" || return
  [[ ! -s $work/link.why ]] || why "$1" "no link: $(<"$work/link.why")" || return
  local server status=0
  "$2" "${perftest[@]}" "${@:5}" >"$work/perftest-server.log" 2>&1 &
  server=$!
  # The server does not say when it listens; a client before that fails, and is let try again.
  wait_for 20 perftest_client "${@:2:1}" "${@:5}" || status=1
  ((status == 0)) || kill "$server" 2>/dev/null || true
  wait "$server" || true
  ((status == 0)) || why "$1" "$2: $(last_words "$work/perftest.log")" || return
  add "$1" "$(awk -v field="$3" -v factor="$4" '$1 == 4096 { print $field * factor }' "$work/perftest.log")"
}
perftest_client() { timeout 60 "$1" "${perftest[@]}" "${@:2}" "$address" >"$work/perftest.log" 2>&1; }

# page_in NAME: the median latency of a page read from a device, one at a time.
page_in() {
  [[ ! -s $work/device-$1.why ]] || why "page_in_$1" "no device: $(<"$work/device-$1.why")" || return
  on_device "$1" --rw=randread --ioengine=psync --norandommap --time_based --runtime="$seconds" || why "page_in_$1" "$(last_words "$work/fio.log")" || return
  add "page_in_$1" "$(read_field 50.000000)"
}

# on_device NAME OPTION…: fio with pages, figures in $work/fio.json.
on_device() {
  fio --name="$1" --filename="${path[$1]}" --bs=4k --direct=1 --randrepeat=0 --percentile_list=50 \
    --output-format=json --output="$work/fio.json" "${@:2}" 2>"$work/fio.log"
}

# donor_cost NAME: the CPU time that the donor spends on pages written and read, in ns per GiB.
donor_cost() {
  [[ ! -s $work/device-$1.why ]] || why "cpu_$1" "no device: $(<"$work/device-$1.why")" || return
  local before after
  before=$(cpu_time "${donor_pid[$1]}")
  on_device "$1" --rw=randrw --ioengine=io_uring --iodepth=32 --io_size=$((64 * seconds))M || why "cpu_$1" "$(last_words "$work/fio.log")" || return
  after=$(cpu_time "${donor_pid[$1]}")
  add "cpu_$1" "$(awk -F'[:,]' -v ns=$((after - before)) '/"(read|write)" *:/ { part = 1 }
    part && /"io_bytes"/ { bytes += $2; part = 0 }
    END { printf "%.0f", ns * 2 ^ 30 / bytes }' "$work/fio.json")"
}

# paging NAME RUN: the paging workload with the device as swap, into $work/paging.RUN.NAME.json.
paging() {
  [[ ! -s $work/device-$1.why ]] || why "paging_$1" "no device: $(<"$work/device-$1.why")" || return
  mkswap -q "${path[$1]}" >/dev/null # over what other measurements wrote
  swap_on "${path[$1]}"
  limited farswap bench paging --name "$1" --size "$size" --duration $((2 * seconds))s --pattern uniform --no-sweep \
    --device "${path[$1]}" --watch device="${server_pid[$1]}" --watch server="${donor_pid[$1]}" --json \
    >"$work/paging.$2.$1.json" 2>"$work/paging.log" || why "paging_$1" "$(last_words "$work/paging.log")"
  local status=$?
  swap_off "${path[$1]}"
  return $status
}

# map_slabs: a device of its own touches each of its slabs, one after the other, all of them prepared.
map_slabs() {
  local at
  [[ ! -s $work/donor-rdma.why ]] || why map_total "no donor: $(<"$work/donor-rdma.why")" || return
  wait_for 60 donor_prepared rdma || why map_total "the donor does not prepare slabs" || return
  cp "$work/donor-rdma.log" "$work/before"
  device_starts map --size "$device_size" "${swap_options[@]}" --donor "$address:${port[rdma]}" --transport rdma ||
    why map_total "no device: $(<"$work/device-map.why")" || return
  for ((at = 0; at < device_size; at += slab)); do
    dd if=/dev/zero of="${path[map]}" bs=4k oflag=direct,seek_bytes seek=$at count=1 status=none ||
      why map_total "a page cannot be written" || return
  done
  device_ends map
  wait "${server_pid[map]}" || true
}

# measure_map: what that took, from the logs of both sides.
measure_map() {
  local part
  map_slabs || return
  for part in total=took asking=asking request=map open=open; do
    add_durations "map_${part%=*}" "${part#*=}" "slab is mapped" "$work/device-map.log"
  done
  tail -n "+$(($(wc -l <"$work/before") + 1))" "$work/donor-rdma.log" >"$work/after"
  for part in memory register; do add_durations map_$part $part "slab mapped" "$work/after"; done
}
