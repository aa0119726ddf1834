# shellcheck shell=bash
# Sourced. Donors and a device that come and go, a load on the device, and memory.
: "${work:?a folder for logs}"
declare -A donor_pid
load_pid='' path='' server_pid=''
# shellcheck disable=SC2034 # the measurements use them
mib=$((1 << 20)) gib=$((1 << 30)) slab=$((64 << 20))

# donor_begins N OPTION…: on machine N.
donor_begins() {
  [[ -d $work/demo$1 ]] ||
    farswap cert issue --ca "$work/ca" --name "demo$1" --host "10.99.$1.2" "$work/demo$1" >/dev/null
  : >"$work/demo$1.log"
  ip netns exec "farswap$1" farswap donor --config /dev/null --listen "10.99.$1.2:9400" --transport tcp \
    --cert "$work/demo$1" "${@:2}" 2>"$work/demo$1.log" 9>&- &
  donor_pid[$1]=$!
  undo donor_ends "$1"
  wait_for 60 donor_answers "$1" || fail "donor $1 does not start: $(<"$work/demo$1.log")"
}
donor_answers() { farswap donor status "demo$1" >/dev/null 2>&1 || ! kill -0 "${donor_pid[$1]}" 2>/dev/null; }

donor_ends() {
  [[ ${donor_pid[$1]:-} ]] || return 0
  end "${donor_pid[$1]}"
  donor_pid[$1]=
  cat "$work/demo$1.log" >>"$work/demo$1-all.log"
}

# donor_number N FIELD: a number of its status, the first of that name.
donor_number() {
  farswap donor status "demo$1" --json | number "$2"
}
# number FIELD: of JSON with a field in each line.
number() { sed -n "s/^ *\"$1\": \([0-9.-]*\),*$/\1/p" | sed -n 1p; }

# donor_holds N BYTES: devices have so much of it.
donor_holds() { (($(donor_number "$1" mapped) == $2)); }
# donor_prepared N BYTES
donor_prepared() { (($(donor_number "$1" prepared) >= $2)); }

# device_begins BYTES: slabs go to a donor at the first sign of use.
device_begins() {
  local n options=()
  for n in 1 2 3; do options+=(--donor "10.99.$n.2:9400"); done
  : >"$work/device.path"
  farswap ublk add --config /dev/null --size "$1" --slab "$slab" --hot 1 --backing /dev/vda --transport tcp \
    --cert "$work/here" "${options[@]}" >"$work/device.path" 2>"$work/device.log" 9>&- &
  server_pid=$!
  undo device_ends
  wait_for 60 device_answers || fail "the device does not start: $(<"$work/device.log")"
  path=$(<"$work/device.path")
  [[ $path ]] || fail "no device: $(last_words "$work/device.log")"
}
device_answers() { [[ -s $work/device.path ]] || ! kill -0 "$server_pid" 2>/dev/null; }

# device_ends: what it counted has to be right.
device_ends() {
  [[ $path ]] || return 0
  local status errors corrupt
  status=$(farswap ublk status "$path" --json)
  errors=$(number errors <<<"$status") corrupt=$(number corrupt <<<"$status")
  farswap ublk stop "$path"
  path=
  cat "$work/device.log" >>"$work/device-all.log"
  add errors "$errors"
  add corrupt "$corrupt"
}

# donor_used N: the device is connected to it.
donor_used() { [[ $(farswap ublk status "$path" --json | awk -v name="\"demo$1\"" '$1 == "\"name\":" { on = ($2 == name ",") } on && $1 == "\"state\":" { print $2; exit }') == '"up",' ]]; }

# load_begins BYTES: writes all pages of the device, and rests.
load_begins() {
  rm -f "$work/phases"
  mkfifo "$work/phases"
  farswap bench load --path "$path" --size "$1" <"$work/phases" >"$work/load.json" 2>"$work/load.log" &
  load_pid=$!
  undo load_given_up
  exec 9>"$work/phases" # nothing that lasts may have it open: its end ends the load
  wait_for 300 load_says filled || fail "the device cannot be filled: $(last_words "$work/load.log")"
}
load_says() { grep -q "$1" "$work/load.log" || ! kill -0 "$load_pid" 2>/dev/null; }

# load_goes NAME RATE: begins a phase.
load_goes() { echo "$1 $2" >&9; }

# load_ends: reads all pages again. What it found goes into series; its figures are in $work/load.json.
load_ends() {
  exec 9>&-
  local status=0
  wait "$load_pid" || status=$?
  load_pid=
  cat "$work/load.log" >>"$work/load-all.log"
  ((status == 0)) || why load "$(last_words "$work/load.log")" || true
  add wrong "$(number mismatches <"$work/load.json")" || true
  add swept "$(number swept_pages <"$work/load.json")" || true
}
load_given_up() {
  [[ ! "$load_pid" ]] || { exec 9>&-; end "$load_pid"; }
}

# load_figure PHASE reads|writes FIELD: of load.json.
load_figure() {
  awk -v phase="\"$1\"," -v part="\"$2\":" -v field="\"$3\":" '
    $1 == "\"name\":" { on = ($2 == phase) }
    $1 == "\"reads\":" || $1 == "\"writes\":" { here = ($1 == part) }
    on && here && $1 == field { sub(",", "", $2); print $2; exit }' "$work/load.json"
}

# events N MESSAGE LOG: times in ms of the events with that text, from line N of a log on.
events() {
  tail -n "+$1" "$3" | grep -F "\"message\":\"$2\"" | sed 's/.*"time":"\([^"]*\)".*/\1/' |
    while read -r at; do date -d "$at" +%s%3N; done
}

memory_available() { awk '/^MemAvailable:/ { printf "%.0f\n", $2 * 1024 }' /proc/meminfo; }

# leave BYTES: has so much memory be available, by taking away the rest.
leave() {
  local ballast=$work/ballast/file size
  [[ -d $work/ballast ]] || {
    mkdir "$work/ballast"
    mount -t tmpfs -o size=100% ballast "$work/ballast"
    undo umount "$work/ballast"
    : >"$ballast"
  }
  for _ in 1 2; do
    size=$(($(stat -c %s "$ballast") + $(memory_available) - $1))
    ((size >= 0)) || fail "$(memory_available) bytes are available, and $1 were to be left"
    truncate -s $((size / 4096 * 4096)) "$ballast"
    fallocate -l $((size / 4096 * 4096)) "$ballast"
  done
}
# leave_enough: for donors and devices to begin and end.
leave_enough() { leave $((1900 * mib)); }
