package bpf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/loghist"
)

// durations are the ends of every bucket, one in its middle, and what is out of range.
func durations() []uint64 {
	all := []uint64{1 << 63, 1<<64 - 1}
	for i := range loghist.Buckets {
		from, to := loghist.Bounds(i)
		all = append(all, from, to-1, from+rand.Uint64N(to-from))
	}
	return all
}

// TestScaleInC holds the buckets that the programs compute against those of package
// loghist: the same text, compiled for this machine. With the build tag vm it is also run
// by a kernel.
func TestScaleInC(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "scale.c"), filepath.Join(dir, "scale")
	const text = `#include <stdio.h>
#include "histogram.h"
int main(void)
{
	unsigned long long ns;

	while (scanf("%llu", &ns) == 1)
		printf("%u\n", bucket(ns));
	return 0;
}
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-Wall", "-Werror", "-I", "c", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("compile: %v: %s", err, out)
	}
	var input strings.Builder
	for _, ns := range durations() {
		fmt.Fprintln(&input, ns)
	}
	run := exec.Command(program)
	run.Stdin = strings.NewReader(input.String())
	out, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(bytes.TrimSpace(out)))
	i := 0
	for text := range strings.FieldsSeq(input.String()) {
		var ns uint64
		if _, err := fmt.Sscan(text, &ns); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(loghist.Index(ns)); i >= len(got) || got[i] != want {
			t.Fatalf("%d ns: bucket %v, want %s", ns, got[min(i, len(got)-1)], want)
		}
		i++
	}
}
