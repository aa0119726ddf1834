package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWorkloadTells has a page wrong and a page lost. The memory is that of a file, whose pages behind its end are
// SIGBUS, as are pages that the kernel cannot get from swap.
func TestWorkloadTells(t *testing.T) {
	const pages = 4
	f, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(pages * pageSize); err != nil {
		t.Fatal(err)
	}
	region, err := unix.Mmap(int(f.Fd()), 0, pages*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(region) }() // it was mapped
	var out bytes.Buffer
	w := &workload{seed: 9, region: region, version: make([]uint64, pages), out: json.NewEncoder(&out)}
	th := &workThread{workload: w, random: rand.New(rand.NewPCG(1, 1))}
	w.threads = []*workThread{th}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))

	for page := range pages {
		th.visit(page, func() error { return th.write(page) })
	}
	th.verifyAll(1)
	region[pageSize+77] ^= 4
	th.verifyAll(2)
	th.verifyAll(3) // it was made anew
	if err := f.Truncate(2 * pageSize); err != nil {
		t.Fatal(err)
	}
	th.verifyAll(4)

	got := map[string]int{}
	byPage := map[int]string{}
	lines := json.NewDecoder(&out)
	for lines.More() {
		var s said
		if err := lines.Decode(&s); err != nil {
			t.Fatal(err)
		}
		got[s.What]++
		if s.What != "swept" && s.What != "stall" {
			byPage[s.Page] = s.What
		}
	}
	if byPage[1] != "wrong" || byPage[2] != "lost" || byPage[3] != "lost" || len(byPage) != 3 || got["wrong"] != 1 || got["swept"] != 4 {
		t.Errorf("it said %v, of pages %v", got, byPage)
	}
	if n := w.verified.Load(); n != 5*pages {
		t.Errorf("%d pages were visited, want %d", n, 5*pages)
	}
}

// TestPagesDiffer: no page, and no version of one, can be taken for another.
func TestPagesDiffer(t *testing.T) {
	w := &workload{seed: 3, version: make([]uint64, 300)}
	seen := map[uint64]bool{}
	for version := range uint64(50) {
		for page := range w.version {
			w.version[page] = version
			if word := w.word(page); word == 0 || seen[word] {
				t.Fatalf("page %d, version %d: the word %#x is of another page, too, or of none", page, version, word)
			} else {
				seen[word] = true
			}
		}
	}
}
