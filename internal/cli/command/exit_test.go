package command

import (
	"errors"
	"fmt"
	"testing"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
)

func TestExitCode(t *testing.T) {
	for _, tc := range []struct {
		err  error
		ran  bool
		want int
	}{
		{nil, true, ExitDone},
		{errors.New("x"), true, ExitFailed},
		{errors.New("x"), false, ExitUsage},
		{usage.Errorf("x"), true, ExitUsage},
		{fmt.Errorf("add: %w", swapdev.ErrConfig), true, ExitUsage},
		{fmt.Errorf("stop: %w", status.ErrRefused), true, ExitRefused},
		{errors.Join(errors.New("x"), swapdev.ErrInUse), true, ExitRefused},
		{status.ErrStateInUse, true, ExitFailed},
	} {
		if got := ExitCode(tc.err, tc.ran); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := OneLine(errors.Join(errors.New("a"), errors.New("b\r\nc"))); got != "a; b; c" {
		t.Errorf("got %q", got)
	}
}
