package swapdev

import (
	"context"
	"sync"
)

// task is a group of goroutines that end together.
type task struct {
	wg      sync.WaitGroup
	cancels []context.CancelFunc
}

func (t *task) start(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	t.cancels = append(t.cancels, cancel)
	t.wg.Go(func() { f(ctx) })
}

func (t *task) end() {
	for _, cancel := range t.cancels {
		cancel()
	}
	t.wg.Wait()
}
