// Package workload has the applications that `farswap bench run` measures: each brings
// one up in a control group, loads it, and checks its results.
package workload

import (
	"context"
	"os/exec"
	"time"
)

// Size says how much memory a workload uses.
type Size string

// Small fits a virtual machine of 3 GiB, Medium a machine of 16, Paper is as in the
// paper's evaluation.
const (
	Small  Size = "small"
	Medium Size = "medium"
	Paper  Size = "paper"
)

// Place is where an application runs.
type Place interface {
	// Command is a command whose process starts in the application's control group, the one
	// that is limited. Load generators are started without it.
	Command(ctx context.Context, name string, args ...string) *exec.Cmd
	// Dir is an empty folder for the application's files; it is removed afterwards.
	Dir() string
	// Log says what is being done.
	Log(format string, args ...any)
}

// Workload is one application.
type Workload struct {
	Name  string
	About string
	// Needs are commands that have to be on PATH.
	Needs []string
	// Start brings the application up and fills it with its data. It fails if ctx ends.
	Start func(ctx context.Context, place Place, size Size) (Running, error)
}

// Running is an application that is up and holds its data.
type Running interface {
	// Measure loads the application, for d if it is a server, once to the end if it is a
	// program that ends. A wrong result is an error.
	Measure(ctx context.Context, d time.Duration) ([]Metric, error)
	// Stop ends every process that Start began, and waits for them.
	Stop() error
}

// Metric is one figure of a run.
type Metric struct {
	Name  string  `json:"metric"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	// Higher says that more is better.
	Higher bool `json:"higher_is_better"`
}
