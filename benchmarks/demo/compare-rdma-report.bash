# shellcheck shell=bash
# Sourced. The table of checks and its JSON.
: "${work:?}" "${runs:?}" "${slab:?}" "${device_size:?}"

# median SERIES: nothing if there is none.
median() {
  [[ -s $work/$1.series ]] || return 0
  sort -g "$work/$1.series" |
    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# lacking COUNT SERIES…: why one of them has fewer figures; nothing if none has.
lacking() {
  local series have
  for series in "${@:2}"; do
    have=$(wc -l 2>/dev/null <"$work/$series.series" || echo 0)
    ((have < $1)) || continue
    echo "$series: $have of $1 figures: $(cat "$work/$series.why" 2>/dev/null || echo "it was not measured")"
    return
  done
}

# compute EXPRESSION: nothing if one of its numbers is missing.
compute() { awk "BEGIN { printf \"%.6g\", $1 }" 2>/dev/null || true; }

# shown FIGURE UNIT: for people.
shown() {
  if [[ ! $1 ]]; then
    echo "-"
  elif [[ $2 == ns ]]; then
    awk -v n="$1" 'BEGIN { if (n < 1e6) printf "%.1f µs", n / 1e3; else if (n < 1e9) printf "%.2f ms", n / 1e6; else printf "%.2f s", n / 1e9 }'
  else
    printf '%.0f%s' "$1" "$2"
  fi
}

shown_median() { shown "$(median "$1")" ns; }

# quoted TEXT: as a JSON string.
quoted() { printf '"%s"' "$(tr -d '\000-\037' <<<"$1" | sed 's/\\/\\\\/g; s/"/\\"/g')"; }

# list SERIES: its figures as a JSON array.
list() { printf '[%s]' "$(paste -sd, "$work/$1.series" 2>/dev/null)"; }

# columns TEXT…: widths are in characters.
columns() {
  local text i=0 widths=(44 11 11 8 8)
  for text in "$@"; do
    printf '%s%*s' "$text" $((i < 5 ? widths[i] - ${#text} : 0)) ''
    i=$((i + 1))
  done | sed 's/ *$//'
  echo
}

failures=0 json_rows=()

# check NAME LABEL OURS OTHER UNIT RELATION BAR WHY: a row of the table. With OTHER the bar is for the
# ratio; without it, for OURS, in ns.
check() {
  local ratio='' value='' verdict pass=false bar=$7
  if [[ $4 == none ]]; then
    value=$3 bar="$(shown "$7" "$5")"
  elif [[ $3 && $4 ]]; then
    ratio=$(compute "$3 / $4") value=$ratio
  fi
  if [[ ! $8 && $value ]] && awk "BEGIN { exit !($value $6 $7) }"; then
    pass=true verdict=pass
  else
    failures=$((failures + 1)) verdict="FAIL${8:+: $8}"
  fi
  columns "$2" "$(shown "$3" "$5")" "$(shown "${4/none/}" "$5")" "${ratio:+$(printf '%.3f' "$ratio")}" "$6 $bar" "$verdict"
  json_rows+=("$(printf '{"check": "%s", "unit": "%s", "ours": %s, "other": %s, "ratio": %s, "relation": "%s", "bar": %s, "pass": %s, "why": %s}' \
    "$1" "$5" "${3:-null}" "$(null_if_none "$4")" "${ratio:-null}" "$6" "$7" $pass "$(quoted "$8")")")
}
null_if_none() { if [[ $1 && $1 != none ]]; then echo "$1"; else echo null; fi; }

# report PATH: writes PATH.txt, PATH.json and PATH.status.
report() {
  local base='' null_page files=() run transport
  null_page=$(median page_in_null) base=$(median ib_read)
  [[ ! $null_page || ! $base ]] || base=$(compute "$null_page + $base")
  [[ $null_page ]] || base=''
  {
    columns "check" ours other ratio bar verdict
    check read_latency "READ 4K, over ib_read_lat" "$(median our_read)" "$(median ib_read)" ns '<=' 1.15 "$(lacking "$runs" our_read ib_read)"
    check write_rate "WRITE 4K depth 64, over ib_write_bw" "$(median our_write)" "$(median ib_write)" /s '>=' 0.9 "$(lacking "$runs" our_write ib_write)"
    check page_in "page-in, over null target + ib_read_lat" "$(median page_in_rdma)" "$base" ns '<=' 1.3 "$(lacking "$runs" page_in_rdma page_in_null ib_read)"
    check donor_cpu "donor's CPU per GiB, RDMA over TCP" "$(median cpu_rdma)" "$(median cpu_tcp)" ns '<=' 0.02 "$(lacking "$runs" cpu_rdma cpu_tcp)"
    check map_slab "map a prepared slab of $((slab >> 20)) MiB" "$(median map_total)" none ns '<' 2000000 "$(lacking $((runs * device_size / slab)) map_{total,asking,request,open,memory,register})"
    printf '\nmapping a slab: %s: asking the donors %s, request %s (at the donor: memory %s, registration %s), opening %s\n\n' \
      "$(shown_median map_total)" "$(shown_median map_asking)" "$(shown_median map_request)" \
      "$(shown_median map_memory)" "$(shown_median map_register)" "$(shown_median map_open)"
    for ((run = 1; run <= runs; run++)); do
      for transport in tcp rdma; do
        [[ -s $work/paging.$run.$transport.json && ! -s $work/paging_$transport.why ]] && files+=("$work/paging.$run.$transport.json")
      done
    done
    for transport in tcp rdma; do
      [[ ! -s $work/paging_$transport.why ]] || {
        echo "paging over $transport: FAIL: $(<"$work/paging_$transport.why")"
        failures=$((failures + 1))
      }
    done
    ((${#files[@]} == 0)) || farswap bench compare "${files[@]}"
  } >"$1.txt"
  {
    printf '{"kernel": %s, "runs": %s, "checks": [\n' "$(quoted "$(uname -r)")" "$runs"
    printf '  %s\n' "${json_rows[@]:0:1}"
    printf '  , %s\n' "${json_rows[@]:1}"
    printf '], "series": {\n'
    series_json
    printf '}, "paging": '
    if ((${#files[@]})); then farswap bench compare --json "${files[@]}"; else echo null; fi
    echo '}'
  } >"$1.json"
  echo $((failures > 0)) >"$1.status"
}

series_json() {
  local series separator=''
  for series in our_read ib_read our_write ib_write page_in_rdma page_in_null cpu_rdma cpu_tcp map_{total,asking,request,open,memory,register}; do
    printf '  %s"%s": %s\n' "$separator" "$series" "$(list "$series")"
    separator=', '
  done
}
