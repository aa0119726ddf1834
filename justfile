# Recipes of ./do. `./do test` is everything that CI runs, `./do demo` the main job.
set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := env("PATH") + ":/usr/local/go/bin:/usr/sbin:/sbin:" + justfile_directory() + "/.cache/servers/usr/bin"

scripts := "do .ci/run bpf/generate bpf/stale vmtest/steps vmtest/tally vmtest/failures vmtest/slowest vmtest/path-gate vmtest/fuzz vmtest/readme-trial vmtest/torture vmtest/shutdown vmtest/dash-live vmtest/vm-suite vmtest/with-adapter vmtest/sanitize vmtest/vm/* benchmarks/demo/* benchmarks/bench-in-vm"

# The folders with tests that only the virtual machine runs
suites := "./vmtest ./verbs/rdma ./bpf ./swapdev ./ublk ./ublk/targets ./internal/devserver"

# The recipes and what they do
list:
    @just --list --unsorted

# Swap to two donors' memory against swap to disk: --host runs on this machine, --keep leaves it up
[no-cd]
demo *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/demo" "$@"

# Applications on swap backends under memory limits, in the virtual machine; see benchmarks/bench-in-vm
[no-cd]
bench *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/bench-in-vm" "$@"

# Random page-in through farswap over TCP against nbd with a server in memory, in turns
compare-nbd *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/compare-nbd" "$@"

# The way of a page natively, without ublk: the real device and donor against models of nbd, in two minutes; --time 2s for quieter figures, --help for more
bench-path *ARGS: build
    @CGO_ENABLED=1 go build -o .cache/bin/ ./benchmarks/bench-path
    @.cache/bin/bench-path --farswap .cache/bin/farswap "$@"

# The way of a page over TCP: against an empty device and a bare exchange, and against nbd, in the virtual machine; --count counts instructions
compare-path *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/compare-path" "$@"

# What a page costs in counted instructions, held to vmtest/path-figures: 5% more fails; --record writes them anew
path-cost *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/count-path" $([[ " $* " == *" --record "* ]] || echo --check) "$@"

# Pages with more donors, more queues and larger devices, and a program beside farswap, in the virtual machine
compare-scale *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/compare-scale" "$@"

# RDMA against perftest and against TCP, on soft-RoCE in the virtual machine, in turns
compare-rdma *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/compare-rdma" "$@"

# What the probes in the kernel cost: random page-in with and without them, in pairs, in the virtual machine
compare-probes *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/compare-probes" "$@"

# What it costs that a donor gives memory back: to a program beside it, and to devices
compare-donor *ARGS: build
    @"{{ justfile_directory() }}/benchmarks/demo/compare-donor" "$@"

# Everything: lint, unit tests with the race detector, the page in a browser, what a page costs, the suite on both kernels, a small machine, faults at random
test:
    @vmtest/steps lint unit dash-test path-cost "vmsuite 6.12" "vmsuite 7.3" "torture --mem 512 --time 5" "chaos --minutes 3"

# Boot a virtual machine and run a script in it, or a shell; see vmtest/vm/vm
[no-cd]
vm *ARGS: build
    @"{{ justfile_directory() }}/vmtest/vm/vm" "$@"

# A shell in the virtual machine
shell *ARGS: (vm ARGS)

# The binaries, into .cache/bin; they load the RDMA libraries when they run
build:
    @mkdir -p .cache/bin
    @version="-X main.commit=$(git describe --always --dirty --abbrev=12 --match '' 2>/dev/null || true)"; \
    CGO_ENABLED=1 go build -trimpath -ldflags "$version" -o .cache/bin/ ./cmd/farswap; \
    CGO_ENABLED=1 go build $(cat cmd/farswapd/build-flags) -ldflags "$version" -o .cache/bin/ ./cmd/farswapd

# The licences of all that the binaries have in them, into .cache/bin/THIRD_PARTY_NOTICES: pass it on with them
notices:
    @mkdir -p .cache/bin
    go run ./internal/notices >.cache/bin/THIRD_PARTY_NOTICES.new
    @mv .cache/bin/THIRD_PARTY_NOTICES.new .cache/bin/THIRD_PARTY_NOTICES

# gofumpt, vet, staticcheck, shellcheck; whether what is generated is stale; the licences of what is linked
lint:
    @test -z "$(git ls-files -co --exclude-standard '*.go' | xargs go tool gofumpt -l | tee /dev/stderr)"
    go vet ./...
    go vet -tags browser ./dash/web
    go vet -tags vm {{ suites }}
    go vet -tags weaker ./internal/flusher
    go tool staticcheck ./...
    go tool staticcheck -tags browser ./dash/web
    go tool staticcheck -tags vm {{ suites }}
    go tool staticcheck -tags weaker ./internal/flusher
    shellcheck {{ scripts }}
    bpf/stale
    go run ./internal/notices >/dev/null

# Unit tests with the race detector, those that take longest first; without it those of sim, which computes for long and has one goroutine
unit *ARGS:
    @status=0; \
    go test -v ./sim "$@" || status=1; \
    go test -v -tags weaker -run Weaker ./internal/flusher || status=1; \
    go test -race -timeout 25m -v ./swapdev ./internal/cli $(go list ./... | grep -vxFf <(go list ./sim ./swapdev ./internal/cli)) "$@" || status=1; \
    exit $status

# The dashboard's page in headless Chromium, against what status says; pictures go to out/dash
dash-test *ARGS:
    go test -tags browser -v -timeout 15m -run 'Page|EveryView|Keyboard|ManySlabs' ./dash/web "$@"

# The page in Chromium and farswap top on a device that swaps, in the virtual machine; look at out/dash-live
dash-live KERNEL="7.3" *ARGS: build
    @CGO_ENABLED=0 go test -c -tags browser -o .cache/bin/dash-live.test ./dash/web
    @vmtest/dash-live "$@"

# The real-kernel suite on one kernel, short: scenarios do less, without what vmtest/left-out names; ARGS go to the test binaries: ./do vmsuite 7.3 -test.run Suite/.*swap
vmsuite KERNEL *ARGS: suite-binaries
    @shift; vmtest/vm/vm --kernel {{ KERNEL }} --disk 2G --time 2100 vmtest/vm-suite -test.v "$@"

# All of the suite on one kernel, on a host that does nothing else: what ./do test leaves out, too, latencies against each other and every backend of bench
vm-long KERNEL *ARGS: suite-binaries
    @shift; vmtest/vm/vm --kernel {{ KERNEL }} --disk 2G --time 7800 vmtest/vm-suite --whole -test.v "$@"

[private]
suite-binaries: build
    @CGO_ENABLED=0 go test -c -tags vm -o .cache/bin/vmtest.test ./vmtest
    @CGO_ENABLED=1 go test -c -tags vm -o .cache/bin/rdma.test ./verbs/rdma
    @CGO_ENABLED=1 go test -c -tags vm -o .cache/bin/swapdev.test ./swapdev
    @CGO_ENABLED=0 go test -c -tags vm -o .cache/bin/bpf.test ./bpf
    @CGO_ENABLED=0 go test -c -tags vm -o .cache/bin/ublk.test ./ublk
    @CGO_ENABLED=0 go test -c -tags vm -o .cache/bin/targets.test ./ublk/targets
    @CGO_ENABLED=0 go test -c -tags vm -o .cache/bin/devserver.test ./internal/devserver
    @cd vmtest/stranger && CGO_ENABLED=0 go build -o ../../.cache/bin/stranger .

# The C parts under AddressSanitizer, and cgo's pointers checked, on soft-RoCE in the virtual machine
sanitize KERNEL="7.3": build
    @vmtest/sanitize {{ KERNEL }}

# The random histories of the device for TIME each, with the race detector; RUN chooses among them: ./do soak 5m MixedHistory
soak TIME="1m" RUN="History|Overlapping":
    go test -race -v -timeout 0 -run '{{ RUN }}' ./swapdev -history {{ TIME }}

# The mixed histories of the device over RDMA for TIME each, on soft-RoCE in the virtual machine
soak-rdma TIME="1m" KERNEL="7.3" *ARGS: build
    @CGO_ENABLED=1 go test -c -tags vm -o .cache/bin/swapdev.test ./swapdev
    @shift 2; vmtest/vm/vm --kernel {{ KERNEL }} --disk 2G --time 21600 vmtest/with-adapter swapdev.test -test.v -test.timeout 0 -test.run MixedHistoryOverRDMA -history {{ TIME }} "$@"

# Machines too small for what runs on them, swapping over farswap alone; see vmtest/torture
torture *ARGS: build
    @CGO_ENABLED=0 go build -o .cache/bin/hog ./vmtest/hog
    @vmtest/torture "$@"

# Reboot and power off by Debian's systemd while the device of a unit swaps; see vmtest/shutdown
shutdown *ARGS: build
    @vmtest/shutdown "$@"

# Faults of all kinds at random, alone and in pairs, under a device that swaps, with donors on a second virtual machine: --minutes N --seed S --kernel NAME
chaos *ARGS: build
    @CGO_ENABLED=0 go build -o .cache/bin/chaos ./vmtest/chaos
    @.cache/bin/chaos "$@"

# Every fuzz target for TIME each
fuzz TIME="10s":
    @vmtest/fuzz {{ TIME }}

# Strangers flood every port of a donor and a device for TIME, RATE connections a second each, while the device pages: latency, memory, and whether a known peer gets in
strangers TIME="30s" RATE="10000":
    go test -count 1 -v -timeout 0 -run StrangersAreCheap ./swapdev -strangers {{ TIME }} -strangers-rate {{ RATE }}

# N flipped bits and exchanged pages, in a donor's memory and on the wire, sealed and unsealed: all found, all reads right
flips N="10000":
    go test -count 1 -v -timeout 0 -run 'FlippedAndExchanged|ExchangeOfEqualPages' ./swapdev -flipped {{ N }}

# A donor that is slow and well in turns for TIME: no slab may move more than twice in ten minutes
flapping TIME="10m" KERNEL="7.3": build
    @CGO_ENABLED=0 go test -c -tags vm -o .cache/bin/vmtest.test ./vmtest
    @vmtest/vm/vm --kernel {{ KERNEL }} --disk 2G vmtest.test -test.v -test.timeout 0 -test.run Long/.*slow-donor$ -flapping {{ TIME }}

# Give the module another path: in go.mod, in every import, and nowhere else
module PATH:
    #!/bin/bash
    set -euo pipefail
    was=$(go list -m)
    go mod edit -module '{{ PATH }}'
    sed -i "s#${was//./\\.}\\b#{{ PATH }}#" vmtest/stranger/go.mod
    git ls-files -z '*.go' | xargs -0 sed -i "s#\"${was//./\\.}/#\"{{ PATH }}/#"
    go build ./...

# Remove what was built; kernels and tools stay in .cache
clean:
    rm -rf out .cache/bin .cache/run .cache/tally
