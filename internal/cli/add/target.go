package add

import "context"

// device is a device that this process serves.
type device interface {
	Path() string
	Done() <-chan struct{}              // closed when it is gone
	Err() error                         // why, once it is: nil after a stop
	Batches() (requests, passes uint64) // how requests come
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

// targetNames are the names of all targets, the one that is taken if none is named first.
var targetNames = []string{targetSwap, targetNull, targetLoop, targetHDD}
