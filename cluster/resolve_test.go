package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestResolveAsksAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		targets := []string{"mem.lan:1", "10.0.0.1:2", "mem.lan:3", "[::ffff:10.0.0.2]:4", "x"}
		got := resolve(context.Background(), &answers{slow: true}, targets)
		if took := time.Since(began); took != lookupTimeout {
			t.Errorf("took %v", took)
		}
		for i, want := range []string{"[]", "[10.0.0.1:2]", "[]", "[10.0.0.2:4]", "[]"} {
			if r := got[i]; r.target != targets[i] || fmt.Sprint(r.addresses) != want || (r.err == nil) != (want != "[]") {
				t.Errorf("%+v, want %s", r, want)
			}
		}
		if !errors.Is(got[0].err, context.DeadlineExceeded) || !errors.Is(got[4].err, ErrConfig) {
			t.Error(got[0].err, got[4].err)
		}
	})
	got := resolve(context.Background(), &answers{ips: []string{"10.0.0.1", "fd00::1"}}, []string{"mem.lan:7"})
	if fmt.Sprint(got[0].addresses) != "[10.0.0.1:7 [fd00::1]:7]" {
		t.Errorf("%+v", got)
	}
}
