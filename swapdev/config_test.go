package swapdev

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/swapdev/lenders"
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
		"many donors":        func(c *Config) { c.Donors = make([]string, lenders.MaxDonors+1) },
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
		"kept or not":        func(c *Config) { c.Keep = "perhaps" },
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
