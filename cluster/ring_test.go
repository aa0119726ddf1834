package cluster

import (
	"errors"
	"testing"
)

// TestKeyIsReplaced: a cluster changes its key step by step, and no member loses another at any of them.
func TestKeyIsReplaced(t *testing.T) {
	old, next := testKey, Key{9, 8, 7}
	a := start(t, nil)
	b, c := start(t, nil, a), start(t, nil, a)
	all := []*node{a, b, c}
	together := func() bool {
		for _, n := range all {
			if n.Stats().Members != len(all) {
				return false
			}
		}
		return true
	}
	eventually(t, saying("they know each other"), together)
	const bytes = 1 << 20
	for step, keys := range [][]Key{{old, next}, {next, old}, {next}} {
		for _, n := range all { // one after the other: meanwhile some have the keys of before
			if changed, err := n.SetKeys(keys); err != nil || !changed {
				t.Fatal(step, changed, err)
			}
			if changed, err := n.SetKeys(keys); err != nil || changed {
				t.Fatal("again", step, changed, err)
			}
			if got := n.keys(); len(got) != len(keys) || Key(got[0]) != keys[0] {
				t.Fatalf("step %d: %d keys", step, len(got))
			}
			free := int64(step+1) * bytes
			if err := a.SetLocal(Announcement{Name: "mem", Address: "10.0.0.1:9400", Free: free, Total: 16 * bytes}); err != nil {
				t.Fatal(err)
			}
			for _, other := range all {
				eventually(t, saying("the news of a donor arrives"), func() bool {
					d := other.Donors()
					return len(d) == 1 && d[0].Free == free
				})
			}
			if !together() {
				t.Fatalf("step %d: a member is lost", step)
			}
		}
		// A stream, too: a member that comes with the key of now, and one with both.
		late := start(t, func(c *Config) { c.Key, c.Also = keys[0], keys[1:] }, c)
		eventually(t, saying("a new member knows all"), func() bool { return late.Stats().Members == len(all)+1 })
		if err := late.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, saying("it has left"), together)
	}
	cfg, _ := config(a)
	cfg.MustJoin = true
	if g, err := OpenGossip(t.Context(), cfg); !errors.Is(err, ErrKeyDiffers) {
		if err == nil {
			_ = g.Close()
		}
		t.Errorf("a member with the old key: %v", err)
	}
	if _, err := a.SetKeys([]Key{next, old}); err != nil {
		t.Fatal(err)
	}
}

func saying(what string) func() string { return func() string { return what } }
