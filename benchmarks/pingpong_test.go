package benchmarks

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func TestPingPong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ServePingPong(ctx, l) }()
	for range 2 { // one connection after the other
		p, err := RunPingPong(t.Context(), l.Addr().String(), 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if p.Count < 10 || p.P50NS < 1000 || p.P99NS < p.P50NS || p.Seconds < 0.05 {
			t.Errorf("implausible: %+v", p)
		}
	}
	// Each end must stop in the middle.
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := RunPingPong(short, l.Addr().String(), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the client's end: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := RunPingPong(t.Context(), l.Addr().String(), time.Hour); err == nil {
		t.Error("the server's end went unnoticed")
	}
	if err := <-done; err != nil {
		t.Errorf("the server: %v", err)
	}
}
