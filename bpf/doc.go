// Package bpf measures paging latency inside the kernel. Small programs run at page faults, swap-ins and block
// requests of one block device, and count durations in the buckets of package loghist.
//
// # Dangers
//
//   - The programs run in every page fault on swapped memory and in every block request of the machine. They
//     recognise other devices by the device number and ignore them. ./do compare-probes measures what the
//     programs cost the device's own requests.
//   - Open parses the kernel's type information, which makes about 25 MB of garbage. A process with locked
//     memory keeps it until the process calls debug.FreeOSMemory. Call Open, and that, before the kernel swaps
//     to the device.
//   - Maps take kernel memory, which the kernel charges to the control group of the process that calls Open:
//     3.2 KiB for each slab (reads and writes), 420 KiB for 128 control groups, 390 KiB for requests under way,
//     and 13 KiB for each CPU. [Info] has the kernel's own sum.
//   - All figures are cumulative from Open on. The count of a bucket of one slab has 32 bits.
//   - The programs count a duration when it ends, so a hanging request is in no histogram.
//
// # Sources
//
//	fault       do_swap_page, from entry to exit, if the swap of the entry is the device. It includes
//	            faults that find the page in the swap cache. If the kernel drops its locks and tries
//	            again, it lasts from the first entry to the last exit.
//	swapin      from swap_read_folio to the completion of the block request with the page.
//	block_read, from block_rq_issue to block_rq_complete: the time that the driver and the server
//	block_write have a request, merged as it is. Also by slab of the request's first sector.
//
// do_swap_page first calls get_swap_device, from which the programs learn the swap of a fault. So the swap flags
// of a request do not matter, and a fault that zswap or a zero page serves counts as a fault and not as a
// swap-in. Readahead counts the pages that a fault reads beside its own. The programs cannot cheaply tell
// whether somebody uses those pages; the kernel counts that for the whole machine (swap_ra and swap_ra_hit in
// /proc/vmstat).
//
// The programs see the end of a swap-in in the block request on every kernel, although some kernels have a
// function for it (6.12: end_swap_bio_read). So there is one way to check, and one trampoline less.
//
// # Kernels
//
// Open relocates the programs for the running kernel by its type information (BTF), from /sys/kernel/btf/vmlinux.
// If the kernel lacks a hook, [Info] lists the histograms that need it as missing, with the reason, and the rest
// works. The tests run on 6.12 and 7.3.
//
// # Rights
//
// Open needs CAP_BPF and CAP_PERFMON and nothing else. A kernel in lockdown for confidentiality refuses it. The
// names of control groups need CAP_DAC_READ_SEARCH, too; without it the names are their ids. RLIMIT_MEMLOCK does
// not matter on kernels that have ublk.
//
// The package pins nothing: when the process ends, however it ends, the kernel removes programs and maps.
//
// # Lost durations
//
// The kernel does not run a program that interrupts itself on the same CPU, and two faults collide if the ids of
// their threads have the same last 13 bits. [Snapshot].Lost counts such durations. A fault that a signal
// interrupts counts if its thread comes back to the page within a second.
//
// # Changing the programs
//
// The programs are in c/probes.c. `go generate ./bpf` compiles them with clang 19 into committed files. `./do lint`
// fails when those are stale.
package bpf

//go:generate ./generate
