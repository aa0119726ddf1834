# shellcheck shell=bash
# Sourced. A soft-RoCE link, donors at it, and devices. What cannot be had is written to $work/*.why
# and returns 1: the comparison goes on with the rest.
: "${work:?a folder for logs}" "${address:?of the donors}" "${device_size:?in bytes}" "${slab:?in bytes}"
declare -A port donor_pid server_pid path # by name of donor or device

# make_link: an RDMA device on a link of its own, whose packets hold a page. Leaves perftest's options
# for it in ${perftest[@]}.
make_link() {
  modprobe -q crc32_generic || true # 6.12's rxe needs it and does not ask for it
  modprobe -aq configfs rdma_rxe rdma_ucm ib_uverbs || why link "the kernel has no rdma_rxe, rdma_ucm, ib_uverbs" || return
  ip link add farswap-rdma type dummy || why link "no dummy link" || return
  undo ip link del farswap-rdma
  ip link set farswap-rdma mtu 9000
  ip address add "$address/24" dev farswap-rdma
  ip link set farswap-rdma up
  rdma link add farswap0 type rxe netdev farswap-rdma || why link "no soft-RoCE on a dummy link" || return
  undo rdma link del farswap0
  wait_for 10 has_gid || why link "the link does not get an address" || return
  # shellcheck disable=SC2034 # compare-rdma-measure uses it
  perftest=(-d farswap0 -x "$gid" -F -s 4096)
}

# has_gid: leaves the index of the IPv4 address's GID in $gid.
has_gid() {
  local bytes file
  read -ra bytes <<<"${address//./ }"
  file=$(grep -l "$(printf '0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x' "${bytes[@]}")" /sys/class/infiniband/farswap0/ports/1/gids/* 2>/dev/null)
  gid=${file##*/}
  [[ $gid ]]
}

# donor_starts NAME TRANSPORT BYTES
donor_starts() {
  farswap cert issue --ca "$work/ca" --name "$1" --host "$address" "$work/$1-identity" >/dev/null
  farswap donor --config /dev/null --listen "$address:${port[$1]}" --memory "$3" --cert "$work/$1-identity" \
    --ahead $((device_size / slab)) --transport "$2" 2>"$work/donor-$1.log" &
  donor_pid[$1]=$!
  undo end "${donor_pid[$1]}"
  wait_for 60 donor_answers "$1" || why "donor-$1" "it does not start" || return
  kill -0 "${donor_pid[$1]}" 2>/dev/null || why "donor-$1" "$(last_words "$work/donor-$1.log")"
}
donor_answers() {
  farswap donor status "$1" >/dev/null 2>&1 || ! kill -0 "${donor_pid[$1]}" 2>/dev/null
}

# donor_prepared NAME: it has the slabs of a device ready.
donor_prepared() {
  farswap donor status "$1" --json 2>/dev/null |
    awk -F'[:,]' -v want="$device_size" '/"prepared"/ { ready = $2 } END { exit !(ready >= want) }'
}

# device_starts NAME OPTION…: leaves its path in ${path[NAME]}, its server in ${server_pid[NAME]}.
device_starts() {
  path[$1]=
  if [[ -s $work/donor-$1.why ]]; then
    why "device-$1" "no donor: $(<"$work/donor-$1.why")" || return
  fi
  rm -f "$work/device-$1.path"
  farswap ublk add --config /dev/null "${@:2}" >"$work/device-$1.path" 2>"$work/device-$1.log" &
  server_pid[$1]=$!
  undo device_ends "$1"
  wait_for 60 device_answers "$1" || why "device-$1" "it does not start" || return
  path[$1]=$(<"$work/device-$1.path")
  [[ ${path[$1]} ]] || why "device-$1" "$(last_words "$work/device-$1.log")"
}
device_answers() { [[ -s $work/device-$1.path ]] || ! kill -0 "${server_pid[$1]}" 2>/dev/null; }

# device_ends NAME: swap off first, since the device would rightly refuse to stop.
device_ends() {
  [[ ${path[$1]} ]] || return 0
  swap_off "${path[$1]}"
  farswap ublk stop "${path[$1]}"
  path[$1]=
}

# fill NAME: writes the whole device and waits until all of it is at the donor.
fill() {
  dd if=/dev/urandom of="${path[$1]}" bs=1M oflag=direct status=none count=$((device_size >> 20)) ||
    why "device-$1" "it cannot be written" || return
  wait_for 30 all_remote "$1" || why "device-$1" "its pages do not get to the donor"
}
all_remote() {
  farswap ublk status "${path[$1]}" | grep -Eq "^pages +remote $((device_size / 4096)), "
}
