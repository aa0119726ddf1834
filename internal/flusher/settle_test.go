//go:build !race

// See protect_test.go.

package flusher

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/farswap/farswap/internal/memory"
)

func init() { modes["settle"] = reportSettle }

// garbage is what the start leaves: more than [settledMax].
const garbage = 96 << 20

// settledMax is what a program of this size may have locked, in bytes: its text and data of
// some 5 MiB, the heap of at most 8, stacks.
const settledMax = 32 << 20

func reportSettle() {
	if _, err := Protect(); err != nil && !errors.Is(err, ErrCapability) {
		fmt.Println("protect:", err)
		return
	}
	makeGarbage()
	before := locked()
	err := Settle()
	fmt.Printf("err=%v garbage=%v less=%v whole=%v\n", err, before > garbage, locked() < settledMax, missing())
}

//go:noinline
func makeGarbage() {
	var all [][]byte
	for range garbage >> 16 {
		b := make([]byte, 1<<16)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	runtime.KeepAlive(all)
}

// locked is what this process has locked. The figure of a page that other processes map,
// too, is a share of it; the tests' own program is small.
func locked() (bytes int64) {
	mappings, err := memory.Mappings()
	if err != nil {
		panic(err)
	}
	for _, m := range mappings {
		bytes += m.Locked
	}
	return bytes
}

// missing lists mappings of files and of the stack that are not in memory as a whole.
func missing() (names []string) {
	mappings, err := memory.Mappings()
	if err != nil {
		panic(err)
	}
	for _, m := range mappings {
		if !m.Readable() || !m.File() && m.Name != "[stack]" {
			continue
		}
		if m.Resident < m.Size() {
			names = append(names, fmt.Sprintf("%s %x-%x %d", m.Name, m.Start, m.End, m.Resident))
		}
	}
	return names
}

func TestSettle(t *testing.T) {
	_, got := run(t, "settle")
	if want := "err=<nil> garbage=true less=true whole=[]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
