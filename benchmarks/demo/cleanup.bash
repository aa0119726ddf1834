# shellcheck shell=bash
# Sourced. Undoes what a script did, whichever way it ends: `undo COMMAND…` right after a step that
# leaves something behind; the last step is undone first.

undo_steps=()
undo() { undo_steps+=("${*@Q}"); }

undo_all() {
  local status=$? i
  trap '' INT TERM HUP
  for ((i = ${#undo_steps[@]} - 1; i >= 0; i--)); do
    eval "${undo_steps[i]}" || echo "demo: could not undo: ${undo_steps[i]}" >&2
  done
  undo_steps=()
  exit $status
}
trap undo_all EXIT
trap 'exit 130' INT TERM HUP

# end PID: ends a process of ours and waits for it, 20 s at most; then it is killed.
end() {
  local i
  kill "$1" 2>/dev/null || return 0
  for ((i = 0; i < 200; i++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "demo: process $1 does not end: killing it" >&2
  kill -KILL "$1"
}

# wait_for SECONDS COMMAND…: until COMMAND succeeds; fails when it does not in time.
wait_for() {
  local deadline=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

say() { printf '\n== %s\n' "$*"; }
fail() {
  echo "demo: $1" >&2
  exit 1
}
