package vmtest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
)

// sealedScenarios are those whose devices seal their pages on every machine. An emulated processor
// takes 300 µs to seal a page and 660 to open one, where a real one takes 1: the others, which are
// about what happens around pages, would mostly wait for that.
var sealedScenarios = []string{"verify-matrix", "history", "swap"}

// emulated reports whether instructions of this machine are emulated.
var emulated = sync.OnceValue(func() bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && bytes.Contains(info, []byte("QEMU TCG CPU"))
})

// sealOptions are the options by which a scenario's devices do not seal, if they need not.
func (w *World) sealOptions() []string {
	name := strings.TrimSuffix(w.Name(), "-"+RDMA)
	_, name, _ = strings.Cut(name[strings.LastIndexByte(name, '/')+1:], "-") // without its number
	if !emulated() || slices.Contains(sealedScenarios, name) {
		return nil
	}
	return []string{"--seal", "off"}
}
