package main

import (
	"testing"
	"time"
)

// TestTableOfFaults: two faults of a disk at the same time are both on until each ends.
func TestTableOfFaults(t *testing.T) {
	for _, c := range []struct {
		fails int
		delay time.Duration
		want  string
	}{
		{0, 0, "0 8 linear /dev/loop3 0"},
		{0, 250 * time.Millisecond, "0 8 delay /dev/loop3 0 250"},
		{1, 0, "0 8 error"},
		{1, time.Second, "0 8 error"},
	} {
		d := &disk{loop: "/dev/loop3", sectors: "8", fails: c.fails, delay: c.delay}
		if got := d.table(); got != c.want {
			t.Errorf("%d failing, %v late: %q, want %q", c.fails, c.delay, got, c.want)
		}
	}
}
