// Command hog is the program that uses too much memory in vmtest/torture: `farswap bench paging`, without the
// rest of farswap. The smallest machines have no room for the text of that beside a server.
//
//	hog MIB SECONDS
//
// It fills so many MiB, reads and writes their pages at random for so many seconds, and checks each page that
// it touches and then every one. What it has done goes to standard error.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/farswap/farswap/benchmarks"
)

// threads is how many access pages: with more than there are processors, some wait for pages while others run.
const threads = 4

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hog:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments, want MiB and seconds", len(args))
	}
	mib, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("MiB: %w", err)
	}
	seconds, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("seconds: %w", err)
	}
	_, err = benchmarks.RunPaging(context.Background(), benchmarks.PagingConfig{
		Name: "hog", Size: int64(mib) << 20, Threads: threads, Patterns: []benchmarks.Pattern{benchmarks.Uniform},
		Duration: time.Duration(seconds) * time.Second, WriteShare: 0.3, Seed: 1,
	}, os.Stderr)
	return err
}
