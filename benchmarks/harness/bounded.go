package harness

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStuck means that something does not return although its time is over. What it began
// may still be there.
var ErrStuck = errors.New("does not come back")

// grace is how long something may take to end after it was told to.
const grace = time.Minute

// bounded calls f, and waits at most grace beyond the end of ctx.
func bounded[T any](ctx context.Context, what string, grace time.Duration, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		var none T
		return none, fmt.Errorf("%s: %w: %v over", what, ErrStuck, grace)
	}
}
