// Package bpf measures paging latency inside the kernel: small programs at page
// faults, swap-ins and block requests of one block device count durations, in the
// buckets of package loghist.
//
// # Dangers
//
//   - The programs run in every page fault on swapped memory and in every block request
//     of the machine, also those of other devices, which they tell by the device number
//     and leave alone. What that costs the device's own requests: ./do compare-probes.
//   - Loading parses the kernel's type information, which leaves a process whose memory is
//     locked some 25 MB larger: call Open before the device is used as swap.
//   - Maps are kernel memory, charged to the control group of the process that opens
//     them: 3.2 KiB for each slab (reads and writes), 420 KiB for 128 control groups, 390
//     KiB for what is under way, and 13 KiB for each CPU. [Info] has the kernel's own sum.
//   - All figures are cumulative, from Open on. A count of one slab's bucket has 32 bits.
//   - Durations are counted when they end: a request that hangs is in no histogram.
//
// # What is measured
//
//	fault       do_swap_page, from entry to exit, where the entry's swap is the device. Faults
//	            that find the page in the swap cache are among them. Where the kernel lets
//	            go of its locks and tries again, it is from the first entry to the last exit.
//	swapin      from swap_read_folio to the completion of the block request with the page.
//	block_read, from block_rq_issue to block_rq_complete: the time that the driver and the
//	block_write server have a request, merged as it is, by slab of its first sector, too.
//
// The swap of a fault is told by get_swap_device, which do_swap_page calls first; so it
// does not matter which swap flags a request has, and a fault that zswap or a zero page
// served counts as a fault, but not as a swap-in. Readahead counts the pages that a fault
// had read beside its own. Whether those were used cannot be told cheaply: the kernel
// counts it for the whole machine (swap_ra and swap_ra_hit in /proc/vmstat).
//
// The end of a swap-in is seen in the block request on every kernel, although some have
// a function for it (6.12: end_swap_bio_read): one way to check, and one trampoline less.
//
// # Kernels
//
// Programs are relocated for the running kernel by its type information (BTF), from
// /sys/kernel/btf/vmlinux. A hook that it has not got costs the histograms that need
// it, which [Info] lists as missing with the reason; the rest works. Tried on 6.12 and 7.3.
//
// # Rights
//
// CAP_BPF and CAP_PERFMON, nothing else; a kernel locked down for confidentiality
// refuses. Names of control groups take CAP_DAC_READ_SEARCH, too: without it they are
// shown by their ids. RLIMIT_MEMLOCK does not matter to kernels that have ublk.
//
// Nothing is pinned: when the process ends, however it does, the kernel removes programs
// and maps.
//
// # What can be lost
//
// A program that is interrupted by itself on the same CPU is not run a second time, and
// two faults of threads whose ids have the same last 13 bits meet in one place. Such
// durations are not counted, and are added up in [Snapshot].Lost. A fault that a signal
// interrupts is counted if its thread comes back to the page within a second.
//
// # Changing the programs
//
// They are in c/probes.c; `go generate ./bpf` compiles them, with clang 19, into files
// that are committed. `./do lint` fails when those are stale.
package bpf

//go:generate ./generate
