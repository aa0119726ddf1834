package control

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Names is a list of names of certificates that may be used, which can be replaced at any time. The zero
// value, and an empty list, accept all. Its methods may be called from any goroutine.
type Names struct{ list atomic.Pointer[[]string] }

// Set replaces the list. Errors wrap ErrInvalid, and change nothing.
func (n *Names) Set(list []string) error {
	for i, name := range list {
		switch {
		case !ValidName(name):
			return fmt.Errorf("allowed name %q: %w: want 1 to %d letters, digits, dots, dashes or underscores", oneLine(name), ErrInvalid, maxNameLen)
		case slices.Contains(list[:i], name):
			return fmt.Errorf("allowed name %q: %w: it is given twice", name, ErrInvalid)
		}
	}
	list = slices.Clone(list)
	n.list.Store(&list)
	return nil
}

// Accept returns ErrRefused if a name is not in the list.
func (n *Names) Accept(name string) error {
	list := n.list.Load()
	if list == nil || len(*list) == 0 || slices.Contains(*list, name) {
		return nil
	}
	return fmt.Errorf("certificate name %q: %w: it is not among the names that are allowed here", oneLine(name), ErrRefused)
}
