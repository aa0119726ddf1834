package swapdev

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/status"
)

func goodConfig() Config {
	return Config{ID: -1, Size: 1 << 30, Donors: []string{"127.0.0.1:9400"}, Backing: "/var/tmp/x", Insecure: true}
}

func TestConfigIsChecked(t *testing.T) {
	if err := goodConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no size":            func(c *Config) { c.Size = 0 },
		"odd size":           func(c *Config) { c.Size = 1<<30 + 1 },
		"negative size":      func(c *Config) { c.Size = -4096 },
		"small slab":         func(c *Config) { c.SlabSize = 1 << 20 },
		"odd slab":           func(c *Config) { c.SlabSize = 48 << 20 },
		"large slab":         func(c *Config) { c.SlabSize = 2 << 30 },
		"depth":              func(c *Config) { c.Depth = 5000 },
		"negative queues":    func(c *Config) { c.Queues = -2 },
		"odd request":        func(c *Config) { c.MaxIO = 5000 },
		"large request":      func(c *Config) { c.MaxIO = 2 << 20 },
		"no donor":           func(c *Config) { c.Donors = nil },
		"no port":            func(c *Config) { c.Donors = []string{"host"} },
		"no host":            func(c *Config) { c.Donors = []string{":9400"} },
		"unknown port":       func(c *Config) { c.Donors = []string{"host:nine"} },
		"donor twice":        func(c *Config) { c.Donors = []string{"a:1", "b:1", "a:1"} },
		"many donors":        func(c *Config) { c.Donors = make([]string, maxDonors+1) },
		"no backing":         func(c *Config) { c.Backing = "" },
		"loss not accepted":  func(c *Config) { c.Backing = NoBacking },
		"strict, no backing": func(c *Config) { c.Backing, c.AcceptLoss, c.Ack = NoBacking, true, Strict },
		"unknown policy":     func(c *Config) { c.Ack = "never" },
		"unknown transport":  func(c *Config) { c.Transport = "pigeon" },
		"negative spin":      func(c *Config) { c.Spin = -1 },
		"long spin":          func(c *Config) { c.Spin = time.Second },
		"negative threshold": func(c *Config) { c.HotThreshold = -1 },
		"no number":          func(c *Config) { c.HotThreshold = math.NaN() },
		"short timeout":      func(c *Config) { c.OpTimeout = time.Microsecond },
		"impatient":          func(c *Config) { c.OpTimeout, c.Patience = time.Second, time.Millisecond },
		"bad name":           func(c *Config) { c.Name = "a b" },
		"no identity":        func(c *Config) { c.Insecure = false },
	} {
		c := goodConfig()
		spoil(&c)
		err := c.Validate()
		if !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %v", name, err)
		}
	}
}

func TestBackingFileIsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backing")
	b, err := openBacking(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != 1<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := openBacking(path, 1<<20); !errors.Is(err, ErrBacking) {
		t.Errorf("a second device on it: %v", err)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	b, err = openBacking(path, 1<<19) // larger than need be
	if err != nil {
		t.Fatal(err)
	}
	if err := b.discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("a file that was there before was removed")
	}
}

func TestBackingFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"small": small, "folder": dir, "nowhere": filepath.Join(dir, "no", "such", "folder"), "not a disk": "/dev/null",
	} {
		_, err := openBacking(path, 1<<20)
		if !errors.Is(err, ErrBacking) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(small); err != nil || info.Size() != 4096 {
		t.Errorf("the refused file was changed: %v, %v", info, err)
	}
}

func TestCountsAddUp(t *testing.T) {
	one := Counts{IO: status.IO{
		Reads: 1, Writes: 2, Discards: 3, Errors: 4, Corrupt: 5, Flushes: 6, BytesRead: 7, BytesWritten: 8,
		RemoteReads: 9, RemoteWrites: 10, BackingReads: 11, BackingWrites: 12, ZeroReads: 13, Prefetched: 16, PrefetchHits: 17,
	}, BackPressure: 14, BackingErrors: 15}
	sum := one
	sum.add(&one)
	want := Counts{IO: status.IO{
		Reads: 2, Writes: 4, Discards: 6, Errors: 8, Corrupt: 10, Flushes: 12, BytesRead: 14, BytesWritten: 16,
		RemoteReads: 18, RemoteWrites: 20, BackingReads: 22, BackingWrites: 24, ZeroReads: 26, Prefetched: 32, PrefetchHits: 34,
	}, BackPressure: 28, BackingErrors: 30}
	if sum != want {
		t.Errorf("%+v", sum)
	}
}
