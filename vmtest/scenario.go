package vmtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Scenario is one entry of the suite.
type Scenario struct {
	Number int
	Name   string
	// Limit is for the emulated machine with two processors, which is ten times
	// slower than a real one. At its end all that the scenario started is killed.
	Limit time.Duration
	Over  []string // transports that it runs over, one after the other
	Run   func(w *World)
}

// ID names a run of a scenario in file names, in the log and in -test.run.
func (s Scenario) ID(transport string) string {
	id := fmt.Sprintf("%02d-%s", s.Number, s.Name)
	if transport != TCP {
		id += "-" + transport
	}
	return id
}

// Suite runs scenarios one after the other. When one leaves something behind
// that cannot be removed, the later ones fail without being run: what they
// showed would be worth nothing.
func Suite(t *testing.T, fixture *Fixture, scenarios []Scenario) {
	dirty := ""
	for _, s := range scenarios {
		for _, transport := range s.Over {
			id := s.ID(transport)
			t.Run(id, func(t *testing.T) {
				if dirty != "" {
					t.Fatalf("not run: %s left something behind", dirty)
				}
				defer func() { // also on Fatal
					if left := Leftovers(); len(left) > 0 {
						dirty = id
						t.Errorf("left behind: %v", left)
					}
				}()
				s.run(t, fixture, transport)
			})
		}
	}
}

// run runs the scenario in a world of its own, which ends with it.
func (s Scenario) run(t *testing.T, fixture *Fixture, transport string) {
	id := s.ID(transport)
	logKernel(id)
	ctx, cancel := context.WithTimeoutCause(t.Context(), s.Limit, fmt.Errorf("time limit of %v", s.Limit))
	defer cancel()
	w := &World{
		TB: t, Fixture: fixture, Transport: transport, id: id, ctx: ctx,
		Dir: filepath.Join(fixture.Scratch, id), logs: filepath.Join("/tmp/logs", id),
	}
	for _, dir := range []string{w.Dir, w.logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Defer(func() { w.keepLogs() })
	w.Defer(func() { os.RemoveAll(w.Dir) })
	defer w.end() // also on Fatal
	s.Run(w)
}
