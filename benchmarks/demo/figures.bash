# shellcheck shell=bash
# Sourced. Figures: series of them, a file with a line per run, and rows of a table of checks. What
# cannot be measured has a reason, in $work/*.why.
: "${work:?a folder for series and reasons}"

# add SERIES FIGURE
add() {
  [[ $2 =~ ^[0-9.]+$ ]] || why "$1" "no figure" || return
  echo "$2" >>"$work/$1.series"
}

# cpu_time PID: of all its threads, in ns.
cpu_time() { cat "/proc/$1/task/"*/schedstat | awk '{ ns += $1 } END { printf "%.0f", ns }'; }

# read_field NAME: a figure of fio's about reads, from $work/fio.json.
read_field() {
  awk -v field="\"$1\"" -F'[:,]' '/"read" *:/ { read = 1 }
    read && index($1, field) { gsub(/[^0-9.]/, "", $2); print $2; exit }' "$work/fio.json"
}

# add_durations SERIES FIELD MESSAGE LOG: a duration of every event, in ns.
add_durations() {
  local figure
  grep -F "\"message\":\"$3\"" "$4" | sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" | nanoseconds >"$work/durations"
  while read -r figure; do add "$1" "$figure"; done <"$work/durations"
}

# nanoseconds: Go's durations to numbers; they are below a minute.
nanoseconds() {
  sed -E 's/ns$//; s/(µ|u)s$/ 1000/; s/ms$/ 1000000/; s/([0-9])s$/\1 1000000000/' |
    awk '{ printf "%.0f\n", $1 * (NF > 1 ? $2 : 1) }'
}

# why NAME TEXT: the reason why NAME cannot be measured; the first one counts.
why() {
  [[ -s $work/$1.why ]] || echo "$2" >"$work/$1.why"
  echo "$1: $2"
  return 1
}

# last_words FILE: the last line of a log, without what JSON puts around its reason.
last_words() { tail -n 1 "$1" | sed -E 's/^farswap: //; s/^\{.*"error":"(([^"\\]|\\.)*)".*/\1/'; }

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
  local text i=0 widths=(50 11 11 8 8)
  for text in "$@"; do
    printf '%s%*s' "$text" $((i < 5 ? widths[i] - ${#text} : 0)) ''
    i=$((i + 1))
  done | sed 's/ *$//'
  echo
}

failures=0 json_rows=()

# check NAME LABEL OURS OTHER UNIT RELATION BAR WHY: a row of the table. With OTHER the bar is for the
# ratio; without it, for OURS, in its unit. With the relation "none" there is no bar: it fails only if
# it could not be measured.
check() {
  local ratio='' value='' verdict pass=false bar=$7
  if [[ $6 == none ]]; then
    [[ ! $3 || ! $4 || $4 == none ]] || ratio=$(compute "$3 / $4")
    value=$3 bar=''
  elif [[ $4 == none ]]; then
    value=$3 bar="$(shown "$7" "$5")"
  elif [[ $3 && $4 ]]; then
    ratio=$(compute "$3 / $4") value=$ratio
  fi
  if [[ ! $8 && $value && $6 == none ]]; then
    pass=null verdict=''
  elif [[ ! $8 && $value ]] && awk "BEGIN { exit !($value $6 $7) }"; then
    pass=true verdict=pass
  else
    failures=$((failures + 1)) verdict="FAIL${8:+: $8}"
  fi
  columns "$2" "$(shown "$3" "$5")" "$(shown "${4/none/}" "$5")" "${ratio:+$(printf '%.3f' "$ratio")}" "${6/none/} $bar" "$verdict"
  json_rows+=("$(printf '{"check": "%s", "unit": "%s", "ours": %s, "other": %s, "ratio": %s, "relation": "%s", "bar": %s, "pass": %s, "why": %s}' \
    "$1" "$5" "${3:-null}" "$(null_if_none "$4")" "${ratio:-null}" "$6" "${7:-null}" $pass "$(quoted "$8")")")
}
null_if_none() { if [[ $1 && $1 != none ]]; then echo "$1"; else echo null; fi; }
