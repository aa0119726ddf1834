package cluster

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/hashicorp/memberlist"
)

// newRing makes memberlist's set of keys, of which the first is the one to send with.
func newRing(keys []Key) (*memberlist.Keyring, error) {
	list := make([][]byte, len(keys))
	for i := range keys {
		list[i] = keys[i][:]
	}
	ring, err := memberlist.NewKeyring(list, list[0])
	if err != nil {
		return nil, fmt.Errorf("gossip keys: %w: %w", ErrConfig, err)
	}
	return ring, nil
}

// SetKeys replaces the keys of a member, and reports whether they are others than before. From now on it
// sends with the first, and accepts all. A key that other members do not accept yet cuts this one off:
// add it to every member's keys first, and make it the first one then. Errors wrap ErrConfig.
func (g *Gossip) SetKeys(keys []Key) (changed bool, err error) {
	g.keying.Lock()
	defer g.keying.Unlock()
	want, err := newRing(keys)
	if err != nil {
		return false, err
	}
	list := want.GetKeys() // without those that are given twice
	if slices.EqualFunc(list, g.ring.GetKeys(), bytes.Equal) {
		return false, nil
	}
	for _, key := range list {
		if err := g.ring.AddKey(key); err != nil {
			return false, fmt.Errorf("gossip keys: %w: %w", ErrConfig, err)
		}
	}
	// Each UseKey puts a key before all others. Afterwards those to be removed are the last ones:
	// RemoveKey moves the keys behind the one that it removes, under the eyes of readers.
	for _, key := range slices.Backward(list) {
		if err := g.ring.UseKey(key); err != nil {
			return false, err
		}
	}
	for old := g.ring.GetKeys(); len(old) > len(list); old = g.ring.GetKeys() {
		if err := g.ring.RemoveKey(old[len(old)-1]); err != nil {
			return false, err
		}
	}
	return true, nil
}
