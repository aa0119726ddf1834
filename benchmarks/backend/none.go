package backend

import (
	"context"
	"time"
)

// none is no swap: the workload has all the memory that it needs.
func none() Backend {
	return Backend{
		Name:  "none",
		About: "no swap, and no limit of memory: what the workload does in RAM",
		Lacks: func(Options) error { return nil },
		Up:    func(context.Context, Options) (Area, error) { return noArea{}, nil },
	}
}

type noArea struct{}

func (noArea) Facts() []Fact                               { return nil }
func (noArea) CPU() (device, donor time.Duration, _ error) { return 0, 0, nil }
func (noArea) Down(context.Context) error                  { return nil }
