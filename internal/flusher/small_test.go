package flusher

import (
	"slices"
	"testing"
)

func TestOneArena(t *testing.T) {
	for _, tc := range []struct{ env, want []string }{
		{nil, []string{"MALLOC_ARENA_MAX=1"}},
		{[]string{"A=1"}, []string{"A=1", "MALLOC_ARENA_MAX=1"}},
		{[]string{"MALLOC_ARENA_MAX=4", "A=1"}, []string{"MALLOC_ARENA_MAX=4", "A=1"}},
	} {
		if got := oneArena(tc.env); !slices.Equal(got, tc.want) {
			t.Errorf("of %q: got %q, want %q", tc.env, got, tc.want)
		}
	}
}
