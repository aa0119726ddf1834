# shellcheck shell=bash
# Sourced. The device under test.
: "${work:?a folder for its log}"

# add_device OPTION…: `farswap ublk add` in the background. Leaves the device's path in $device and
# its server in $server_pid. An emulated processor takes 300 to 660 µs to seal or open a page, where a
# real one takes 1: the device does not seal there.
add_device() {
  local seal=on
  ! grep -q "QEMU TCG CPU" /proc/cpuinfo || seal=off
  farswap ublk add --cert "$work/here" --seal "$seal" "$@" >"$work/device" 2>"$work/device.log" &
  server_pid=$!
  undo remove_device
  wait_for 60 device_answers
  device=$(<"$work/device")
  [[ $device ]] || fail "no device: $(<"$work/device.log")"
}

device_answers() { [[ -s $work/device ]] || ! kill -0 "$server_pid" 2>/dev/null; }

# remove_device: swap off first, since the device would rightly refuse to stop.
remove_device() {
  [[ -s $work/device ]] || return 0
  swap_off "$(<"$work/device")"
  farswap ublk stop "$(<"$work/device")"
  rm "$work/device"
}
