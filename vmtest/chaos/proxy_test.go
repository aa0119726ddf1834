package main

import (
	"bytes"
	"io"
	"math/bits"
	"net"
	"testing"
	"time"
)

// echo is a server that sends back what it gets, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until the test ends it
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProxy(t *testing.T) {
	p, err := startProxy("127.0.0.1:0", echo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.listener.Close() })
	sent := bytes.Repeat([]byte("a page of a donor"), 100)
	there := func(c net.Conn) []byte {
		t.Helper()
		got := make([]byte, len(sent))
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	c := dial(t, p)
	if !bytes.Equal(there(c), sent) {
		t.Error("what passes in good weather is changed")
	}

	end := p.begin(weather{Delay: 20 * time.Millisecond, Jitter: time.Millisecond})
	begun := time.Now()
	if got := there(c); !bytes.Equal(got, sent) || time.Since(begun) < 40*time.Millisecond {
		t.Errorf("there and back took %v", time.Since(begun))
	}

	end()
	end = p.begin(weather{Corrupt: 1})
	flipped := 0
	for i, b := range there(c) {
		flipped += bits.OnesCount8(b ^ sent[i])
	}
	if flipped == 0 || p.flips() < int64(flipped) {
		t.Errorf("%d bits arrived wrong, %d were flipped", flipped, p.flips())
	}

	end()
	end = p.begin(weather{Hold: true})
	endOther := p.begin(weather{Hold: true})
	endOther() // the first goes on
	arrived := make(chan bool)
	go func() { arrived <- bytes.Equal(there(c), sent) }()
	time.Sleep(10 * time.Millisecond)
	select {
	case <-arrived:
		t.Error("bytes arrive that are held back")
	default:
		end()
		if !<-arrived {
			t.Error("what was held back is changed")
		}
	}

	end = p.begin(weather{Refuse: true})
	if _, err := io.ReadAll(c); err != nil && !bytes.Contains([]byte(err.Error()), []byte("reset")) {
		t.Errorf("a connection that is cut: %v", err)
	}
	if _, err := dial(t, p).Read(make([]byte, 1)); err == nil {
		t.Error("a new connection is not refused")
	}
	end()
	if !bytes.Equal(there(dial(t, p)), sent) {
		t.Error("what passes afterwards is changed")
	}
}
