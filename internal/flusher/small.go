package flusher

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// smallPages keeps the kernel from backing the heap, tables and variables with huge pages,
// of which one touched byte locks 2 MiB; memory that asks for huge pages (MADV_HUGEPAGE)
// still gets them. Exec keeps the setting. Kernels older than 6.18 refuse, and [Settle]
// then tells them mapping by mapping.
func smallPages() error {
	return unix.Prctl(unix.PR_SET_THP_DISABLE, 1, unix.PR_THP_DISABLE_EXCEPT_ADVISED, 0, 0)
}

// arenas is the variable by which glibc's allocator can be told how many arenas to make.
// It makes one for each thread otherwise, up to eight for a processor, and locks at least
// 132 KiB of each. C code here allocates when a connection is made, and seldom.
const arenas = "MALLOC_ARENA_MAX="

// oneArena adds the variable to an environment, unless the user has set it.
func oneArena(env []string) []string {
	if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, arenas) }) {
		return env
	}
	return append(env, arenas+"1")
}
