# shellcheck shell=bash
# Sourced. The table of the comparison and its JSON.
: "${work:?}" "${runs:?}"
declare -i failures # figures.bash counts, and lists
declare -a json_rows
declare only

# wanted PART: it is measured.
wanted() { [[ ! $only || ,$only, == *,"$1",* ]]; }

# sum SERIES: of its figures.
sum() { awk '{ n += $1 } END { printf "%.0f", n }' "$work/$1.series" 2>/dev/null || true; }

report_slowdown() {
  local kind
  check slowdown_donor "busy time beside a donor that drops" "$(median dropped_idle)" "$(median alone_idle)" ns '<=' 1.05 "$(lacking "$runs" dropped_idle alone_idle)"
  check slowdown_moved "  beside donor, device, receiver" "$(median moved_idle)" "$(median alone_idle)" ns none '' "$(lacking "$runs" moved_idle alone_idle)"
  check slowdown_loaded "  the same, the device loaded" "$(median moved_loaded)" "$(median alone_loaded)" ns none '' "$(lacking "$runs" moved_loaded alone_loaded)"
  for kind in dropped_idle moved_idle moved_loaded; do
    check "cpu_$kind" "donor's CPU time over busy time, ${kind/_/, }" "$(median ${kind}_cpu_donor)" "$(median $kind)" ns none '' "$(lacking "$runs" ${kind}_cpu_donor)"
  done
  for kind in dropped_idle moved_idle moved_loaded; do
    check "deep_$kind" "half the headroom gone to memory, ${kind/_/, }" "$(median ${kind}_deep)" none ns '<=' 2000000000 "$(lacking "$runs" ${kind}_deep)"
    check "short_$kind" "  headroom touched to memory" "$(median ${kind}_first)" none ns none '' "$(lacking "$runs" ${kind}_first)"
    check "back_$kind" "  headroom touched to headroom whole" "$(median ${kind}_all)" none ns none '' "$(lacking "$runs" ${kind}_all)"
  done
}

report_move() {
  local part
  check move_took "move of a hot slab of 64 MiB" "$(median move_took)" none ns none '' "$(lacking "$runs" move_took)"
  for part in reads writes; do
    check "move_$part" "p99 of $part meanwhile, over before" "$(median during_$part)" "$(median before_$part)" ns none '' "$(lacking "$runs" during_$part before_$part)"
  done
}

report_drain() {
  local times=1 part
  check drain_took "drain of 1 GiB under load" "$(median drain_took)" none ns none '' "$(lacking $times drain_took)"
  check drain_moved "  slabs moved" "$(median drain_moved)" none '' '>=' 16 "$(lacking $times drain_moved)"
  for part in reads writes; do
    check "drain_$part" "p99 of $part meanwhile, over before" "$(median drain_during_$part)" "$(median drain_before_$part)" ns none '' "$(lacking $times drain_during_$part drain_before_$part)"
  done
}

report_evict() {
  local part
  check evict "evict a slab, without draining, over check" "$(median evict_over)" "$(median evict_checking)" ns '<=' 2 "$(lacking "$((runs < 11 ? runs : 11))" evict_over evict_checking)"
  for part in choosing asking returning drained freeing; do
    check "evict_$part" "  $part" "$(median evict_$part)" none ns none '' "$(lacking "$((runs < 11 ? runs : 11))" evict_$part)"
  done
}

# report PATH: writes PATH.txt, PATH.json and PATH.status.
report() {
  local part
  {
    columns "check" ours other ratio bar verdict
    for part in slowdown move drain evict; do
      ! wanted $part || report_$part
    done
    check wrong "wrong pages, of $(sum swept) read at the end" "$(sum wrong)" none '' '<=' 0 "$(cat "$work/load.why" 2>/dev/null)"
    check errors "I/O errors and corrupt pages" "$(compute "$(sum errors) + $(sum corrupt)")" none '' '<=' 0 ''
  } >"$1.txt"
  {
    printf '{"kernel": %s, "runs": %s, "checks": [\n' "$(quoted "$(uname -r)")" "$runs"
    printf '  %s\n' "${json_rows[@]:0:1}"
    printf '  , %s\n' "${json_rows[@]:1}"
    printf '], "series": {\n'
    series_json
    printf '}}\n'
  } >"$1.json"
  echo $((failures > 0)) >"$1.status"
}

series_json() {
  local file name separator=''
  for file in "$work"/*.series; do
    name=${file##*/}
    printf '  %s"%s": %s\n' "$separator" "${name%.series}" "$(list "${name%.series}")"
    separator=', '
  done
}
