# shellcheck shell=bash
# Sourced. The device under test.
: "${work:?a folder for its log}"

# add_device OPTION…: `farswap ublk add` in the background. Leaves the device's path in $device and
# its server in $server_pid.
add_device() {
  farswap ublk add --cert "$work/here" "$@" >"$work/device" 2>"$work/device.log" &
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
