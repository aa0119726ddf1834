//go:build weaker

package flusher

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// without is the variable that names, with commas between, what a server of this build goes without:
// flusher, realtime, locked. vmtest/torture --without builds such a server, to find out what each of
// them is good for. No other build has this file.
const without = "FARSWAP_WITHOUT"

func init() {
	none := mark{set: func() error { return nil }, has: func() (bool, error) { return true, nil }}
	for name := range strings.SplitSeq(os.Getenv(without), ",") {
		switch name {
		case "":
		case "flusher":
			ioFlusher = none
		case "realtime":
			realtime = none
		case "locked":
			if err := lockNothing(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		default:
			fmt.Fprintf(os.Stderr, "%s: no server goes without %q\n", without, name)
			os.Exit(2)
		}
	}
}

// lockNothing makes every call that locks memory, of all threads from now on, succeed without effect. A
// seccomp filter does that; exec and fork keep it.
func lockNothing() error {
	const arch, ret0 = 4, unix.SECCOMP_RET_ERRNO // offset of seccomp_data.arch; the error 0
	calls := []uint32{unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MLOCKALL}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	program := []unix.SockFilter{
		load(arch),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AUDIT_ARCH_X86_64, Jt: 1},
		answer(unix.SECCOMP_RET_ALLOW),
		load(0), // the number of the call
	}
	for i, call := range calls {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: uint8(len(calls) - i)})
	}
	program = append(program, answer(unix.SECCOMP_RET_ALLOW), answer(ret0))
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return fmt.Errorf("have calls that lock memory do nothing: %w", errno)
	}
	return nil
}
