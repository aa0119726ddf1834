package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// bringUp is the Area of every backend, while it comes up and while it is up.
type bringUp struct {
	*ladder
	Options
	dir     string // for this backend's files alone; removed with the area
	servers []*process
	facts   []func() []Fact
}

// brings turns a function that brings the area up step by step into an Up.
func brings(name string, up func(context.Context, *bringUp) error) func(context.Context, Options) (Area, error) {
	return func(ctx context.Context, o Options) (Area, error) {
		l, err := climb(stateDir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b := &bringUp{ladder: l, Options: o, dir: filepath.Join(o.Dir, name)}
		err = b.begin()
		if err == nil {
			err = up(ctx, b)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, errors.Join(err, b.Down(ctx)))
		}
		return b, nil
	}
}

func (b *bringUp) begin() error {
	// A folder that was there before is not this run's to remove, so the step is noted only
	// when the folder is made. A run that is killed in between leaves an empty folder.
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return fmt.Errorf("folder for files: %w", err)
	}
	if err := b.then("rm -rf %s", quote(b.dir)); err != nil {
		return errors.Join(err, os.Remove(b.dir))
	}
	return b.groups()
}

// fact adds a fact that does not change.
func (b *bringUp) fact(name, format string, args ...any) {
	f := Fact{name, fmt.Sprintf(format, args...)}
	b.facts = append(b.facts, func() []Fact { return []Fact{f} })
}

// look adds a fact that is looked up each time.
func (b *bringUp) look(f func() []Fact) { b.facts = append(b.facts, f) }

// Facts is part of Area.
func (b *bringUp) Facts() []Fact {
	var all []Fact
	for _, f := range b.facts {
		all = append(all, f()...)
	}
	return all
}

// CPU is part of Area.
func (b *bringUp) CPU() (device, donor time.Duration, err error) {
	for _, p := range b.servers {
		err = errors.Join(err, p.alive())
	}
	device, err1 := cpu(deviceSide)
	donor, err2 := cpu(donorSide)
	return device, donor, errors.Join(err, err1, err2)
}

// Down is part of Area.
func (b *bringUp) Down(ctx context.Context) error { return b.down(ctx) }
