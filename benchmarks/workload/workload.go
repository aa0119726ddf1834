package workload

import (
	"context"
	"errors"
	"os/exec"
	"time"
)

// Errors of a workload.
var (
	// ErrConfig means that a workload cannot be run with its configuration.
	ErrConfig = errors.New("unusable workload")
	// ErrWrong means that an application returned or computed something wrong.
	ErrWrong = errors.New("wrong result")
	// ErrUnreadable means that the kernel could not bring a page back.
	ErrUnreadable = errors.New("page cannot be read")
)

// Place is where an application runs.
type Place interface {
	// Command makes a command whose process starts in the application's control group, which
	// is limited. Load generators start without it. The caller adds to its SysProcAttr, and
	// runs it. The process is killed when ctx ends.
	Command(ctx context.Context, name string, args ...string) *exec.Cmd
	// Dir is an empty folder for the application's files; it is removed afterwards.
	Dir() string
	// Log reports what is being done. Any goroutine may call it.
	Log(format string, args ...any)
}

// Workload is one application.
type Workload struct {
	Name  string
	About string
	// Needs are commands that Find has to find.
	Needs []string
	// Start brings the application up and fills it with its data. It fails if ctx ends. The
	// application does not end with ctx.
	Start func(ctx context.Context, place Place, size Size) (Running, error)
}

// Running is an application that is up and holds its data. Only one of its methods may run at a
// time.
type Running interface {
	// Measure loads a server for d, or runs a program once to its end. A wrong result is an
	// error.
	Measure(ctx context.Context, d time.Duration) ([]Metric, error)
	// Stop ends every process that Start began, and waits for them.
	Stop() error
}

// Warmer is a Running that has to be loaded for a while before it is measured, until memory has
// what its clients ask for.
type Warmer interface {
	Running
	Warm(ctx context.Context, d time.Duration) error
}

// Metric is one figure of a run.
type Metric struct {
	Name  string  `json:"metric"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	// Higher says that more is better.
	Higher bool `json:"higher_is_better"`
}
