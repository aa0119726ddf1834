package backend

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/farswap/farswap/internal/human"
)

// zswapDisk is a compressed cache in memory in front of the disk. Unlike zram's, its memory
// counts within the workload's limit. So Up turns on its shrinker, which many distributions
// leave off. Without the shrinker, a workload whose pages do not compress fills its limit
// with zswap's copies of them, and the kernel kills it.
func zswapDisk() Backend {
	return Backend{
		Name:  "zswap-disk",
		About: "zswap, compressed memory within the workload's limit, before --device or a file",
		Lacks: lacks(hasZswap, freeDevice, placeForFile),
		Up:    brings("zswap-disk", zswapUp),
	}
}

const (
	zswapParameters = "/sys/module/zswap/parameters"
	zswapCounters   = "/sys/kernel/debug/zswap" // where debugfs is mounted
)

func hasZswap(Options) error {
	if _, err := get(filepath.Join(zswapParameters, "enabled")); err != nil {
		return errors.New("zswap in the kernel (CONFIG_ZSWAP)")
	}
	return nil
}

func zswapUp(ctx context.Context, b *bringUp) error {
	path, err := b.diskSpace()
	if err != nil {
		return err
	}
	for _, name := range []string{"shrinker_enabled", "enabled"} {
		file := filepath.Join(zswapParameters, name)
		before, err := get(file)
		if err != nil {
			return err
		}
		if err := b.then("echo %s >%s", before, file); err != nil {
			return err
		}
		if err := set(file, "Y"); err != nil {
			return err
		}
	}
	for _, p := range []struct{ name, file string }{
		{"compressor", "compressor"}, {"pool", "zpool"}, {"pool at most, % of RAM", "max_pool_percent"}, {"shrinker", "shrinker_enabled"},
	} {
		if value, err := get(filepath.Join(zswapParameters, p.file)); err == nil { // 7.x has no zpool
			b.fact(p.name, "%s", value)
		}
	}
	b.look(zswapFacts)
	return b.swapOn(ctx, path)
}

// zswapFacts returns what zswap holds now, and what it has written to the disk since boot.
func zswapFacts() []Fact {
	var facts []Fact
	number := func(file string) (int64, bool) {
		text, err := get(filepath.Join(zswapCounters, file))
		if err != nil {
			return 0, false
		}
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	}
	pages, ok1 := number("stored_pages")
	bytes, ok2 := number("pool_total_size")
	if ok1 && ok2 {
		facts = append(facts, Fact{"stored", human.Bytes(pages * pageSize)}, Fact{"memory used", human.Bytes(bytes)})
		if bytes > 0 {
			facts = append(facts, Fact{"compression", fmt.Sprintf("%.2f : 1", float64(pages*pageSize)/float64(bytes))})
		}
	}
	if n, ok := number("written_back_pages"); ok {
		facts = append(facts, Fact{"written back since boot", human.Bytes(n * pageSize)})
	}
	return facts
}
