# shellcheck shell=bash
# Sourced. The table of the comparison and its JSON.
: "${work:?}" "${runs:?}" "${slab:?}" "${device_size:?}"
declare -i failures # figures.bash counts, and lists
declare -a json_rows

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
