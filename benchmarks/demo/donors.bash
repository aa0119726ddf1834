# shellcheck shell=bash
# Sourced. Other machines: each a network namespace of its own, joined by a veth pair.
# Machine N is 10.99.N.2, this machine is 10.99.N.1 to it.
: "${work:?a folder for identities and logs}"

# make_machine N
make_machine() {
  ip netns add "farswap$1"
  undo ip netns del "farswap$1"
  ip link add "farswap$1" type veth peer name eth0 netns "farswap$1"
  # The namespace goes with its last process; the link must not outlive this script by that.
  undo remove_link "farswap$1"
  ip address add "10.99.$1.1/24" dev "farswap$1"
  ip link set "farswap$1" up
  ip -n "farswap$1" address add "10.99.$1.2/24" dev eth0
  ip -n "farswap$1" link set eth0 up
  ip -n "farswap$1" link set lo up
}

remove_link() {
  ip link del "$1" 2>/dev/null || [[ ! -e /sys/class/net/$1 ]]
}

# on_machine N COMMAND…
on_machine() { ip netns exec "farswap$1" "${@:2}"; }

# make_authority: identities come from it; this machine's is $work/here.
make_authority() {
  farswap cert init "$work/ca" >/dev/null
  farswap cert issue --ca "$work/ca" --name demo "$work/here" >/dev/null
}

# start_donor N MEMORY: on machine N, with TLS. Leaves its process in $donor_pid.
start_donor() {
  farswap cert issue --ca "$work/ca" --name "demo$1" --host "10.99.$1.2" "$work/demo$1" >/dev/null
  # exec: the process to end is the donor itself, in the namespace.
  ip netns exec "farswap$1" farswap donor --listen "10.99.$1.2:9400" --memory "$2" --cert "$work/demo$1" \
    2>"$work/demo$1.log" &
  donor_pid=$!
  undo end "$donor_pid"
  wait_for 60 farswap donor status "demo$1" >/dev/null 2>&1 || fail "donor $1 does not start: $(<"$work/demo$1.log")"
}
