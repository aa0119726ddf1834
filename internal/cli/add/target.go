package add

import (
	"context"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/usage"
)

// device is a device that this process serves.
type device interface {
	Path() string
	Done() <-chan struct{} // closed when it is gone
	Err() error            // why, once it is: nil after a stop
	// Stop takes it away and waits until it is gone. While it is in use, the error has the
	// exit code command.ExitRefused and nothing changes.
	Stop(context.Context) error
}

// opener makes a device. After an error nothing of it is left.
type opener func(context.Context) (device, error)

// Targets of a device.
const (
	targetSwap = "swap"
	targetNull = "null"
	targetLoop = "loop"
	targetHDD  = "hdd"
)

// target is something that can serve a device.
type target struct {
	name string
	// prepare refuses options that do not fit together, and values that the packages which
	// take them refuse.
	prepare func(*options, zerolog.Logger) (opener, error)
}

// targets are all of them, the one that is taken if none is named first.
var targets = []target{
	{targetSwap, (*options).prepareSwap},
	{targetNull, (*options).prepareNull},
	{targetLoop, (*options).prepareLoop},
	{targetHDD, (*options).prepareHDD},
}

// targetNames are the names of all targets.
func targetNames() []string {
	var names []string
	for _, t := range targets {
		names = append(names, t.name)
	}
	return names
}

// findTarget finds a target by name.
func findTarget(name string) (target, error) {
	i := slices.IndexFunc(targets, func(t target) bool { return t.name == name })
	if i < 0 {
		names := targetNames()
		last := len(names) - 1
		return target{}, usage.Errorf("--target %q: want %s or %s", name, strings.Join(names[:last], ", "), names[last])
	}
	return targets[i], nil
}
