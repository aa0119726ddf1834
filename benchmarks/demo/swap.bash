# shellcheck shell=bash
# Sourced. Swap on and off.

top_priority=32767 # above all other swap of the machine

# swap_on PATH [OPTION…]: on a device or file that holds a swap area.
swap_on() {
  undo swap_off "$1"
  swapon --priority $top_priority "${@:2}" "$1"
}

# swap_off PATH: also when it is no swap now.
swap_off() {
  ! grep -q "^$(realpath "$1")[[:space:]]" /proc/swaps || swapoff "$1"
}
