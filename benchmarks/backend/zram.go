package backend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/farswap/farswap/internal/human"
)

// zram is swap to compressed memory of this machine.
func zram() Backend {
	return Backend{
		Name:  "zram",
		About: "compressed memory of this machine, beside the workload's limit",
		Lacks: lacks(hasModule("zram")),
		Up:    brings("zram", zramUp),
	}
}

const zramControl = "/sys/class/zram-control"

func zramUp(ctx context.Context, b *bringUp) error {
	if err := module(ctx, "zram", "num_devices=0"); err != nil {
		return err
	}
	number, err := get(filepath.Join(zramControl, "hot_add")) // reading this file makes a device
	if err != nil {
		return fmt.Errorf("a new zram device: %w", err)
	}
	dir := "/sys/block/zram" + number
	if err := b.then("[ ! -e %s ] || echo %s >%s/hot_remove", dir, number, zramControl); err != nil {
		return err
	}
	const want = "lz4" // fast, and what distributions use
	choice := filepath.Join(dir, "comp_algorithm")
	text, err := os.ReadFile(choice)
	if err != nil {
		return fmt.Errorf("algorithms of zram: %w", err)
	}
	known, algorithm := algorithms(string(text))
	if known[want] {
		if err := set(choice, want); err != nil {
			return err
		}
		algorithm = want
	}
	if err := set(filepath.Join(dir, "disksize"), strconv.FormatInt(b.Size, 10)); err != nil {
		return err
	}
	b.fact("algorithm", "%s", algorithm)
	b.look(func() []Fact {
		text, err := os.ReadFile(filepath.Join(dir, "mm_stat"))
		if err != nil {
			return nil
		}
		s, err := parseZramStat(string(text))
		if err != nil {
			return nil
		}
		return s.facts()
	})
	return b.swapOn(ctx, "/dev/zram"+number)
}

// algorithms reads comp_algorithm: all names, the chosen one in brackets.
func algorithms(text string) (known map[string]bool, chosen string) {
	known = map[string]bool{}
	for _, word := range strings.Fields(text) {
		name := strings.Trim(word, "[]")
		known[name] = true
		if name != word {
			chosen = name
		}
	}
	return known, chosen
}

// zramStat has the figures of zram's mm_stat, in bytes and pages.
type zramStat struct{ original, compressed, used, most, same int64 }

// parseZramStat reads orig_data_size, compr_data_size, mem_used_total, mem_limit,
// mem_used_max and same_pages, and ignores what newer kernels add (zram's admin guide).
func parseZramStat(text string) (zramStat, error) {
	fields := strings.Fields(text)
	if len(fields) < 6 {
		return zramStat{}, fmt.Errorf("mm_stat has %d fields, want 6 or more: %q", len(fields), text)
	}
	var n [6]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return zramStat{}, fmt.Errorf("mm_stat: %w", err)
		}
	}
	return zramStat{original: n[0], compressed: n[1], used: n[2], most: n[4], same: n[5]}, nil
}

func (s zramStat) facts() []Fact {
	facts := []Fact{{"stored", human.Bytes(s.original)}, {"memory used at most", human.Bytes(s.most)}}
	if s.compressed > 0 {
		facts = append(facts, Fact{"compression", fmt.Sprintf("%.2f : 1", float64(s.original)/float64(s.compressed))})
	}
	return facts
}
