package cluster

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// answers is a resolver with answers that a test sets.
type answers struct {
	mu    sync.Mutex // guards what follows
	ips   []string
	err   error
	slow  bool // no answer before the context ends
	asked int
	spans []time.Duration // between two questions
	last  time.Time
}

func (a *answers) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if network != "ip" || host != "mem.lan" {
		return nil, errors.New("the wrong question")
	}
	if a.asked++; a.asked > 1 {
		a.spans = append(a.spans, time.Since(a.last))
	}
	a.last = time.Now()
	if a.slow {
		a.mu.Unlock()
		<-ctx.Done()
		a.mu.Lock()
		return nil, ctx.Err()
	}
	var ips []netip.Addr
	for _, ip := range a.ips {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	return ips, a.err
}

func (a *answers) set(slow bool, err error, ips ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow, a.err, a.ips = slow, err, ips
}

func TestDNSFollowsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		boom := errors.New("no such host")
		r := &answers{ips: []string{"10.0.0.2", "10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "fd00::1"}}
		d, err := OpenDNS(DNSConfig{Name: "mem.lan", Port: 9400, Interval: 10 * time.Second, Timeout: time.Second, Resolver: r, Log: zerolog.New(&log)})
		if err != nil {
			t.Fatal(err)
		}
		// after waits for the next answer and says whether a change was signalled.
		after := func(want string, changes bool) {
			t.Helper()
			time.Sleep(15 * time.Second) // an interval and its jitter, and the timeout
			synctest.Wait()
			changed := false
			select {
			case <-d.Changed():
				changed = true
			default:
			}
			if got := listed(d); got != want || changed != changes {
				t.Errorf("%q, changed %v; want %q, %v", got, changed, want, changes)
			}
		}
		all := "?@10.0.0.1:9400 ?@10.0.0.2:9400 ?@[fd00::1]:9400"
		after(all, true)
		if got := d.Donors()[0]; got.Source != "dns:mem.lan" || !got.Seen.IsZero() {
			t.Errorf("%+v", got)
		}
		after(all, false)
		r.set(false, boom)
		after(all, false) // the last good answer
		if d.Err() == nil {
			t.Error("no error")
		}
		r.set(false, nil)
		after(all, false) // an empty answer is none
		r.set(true, nil)
		after(all, false) // no answer
		r.set(false, nil, "10.0.0.3")
		after("?@10.0.0.3:9400", true)
		if d.Err() != nil {
			t.Error(d.Err())
		}
		if n := strings.Count(log.String(), "cannot look up"); n != 1 {
			t.Errorf("%d warnings: %s", n, log.String())
		}
		r.set(true, nil)
		time.Sleep(10 * time.Second)
		if err := d.Close(); err != nil { // in the middle of a lookup, perhaps
			t.Error(err)
		}
		for range d.Changed() { // ends
		}
		differ := false
		for _, span := range r.spans {
			if span < 8*time.Second || span > 13*time.Second+time.Millisecond {
				t.Errorf("asked again after %v", span)
			}
			differ = differ || span != r.spans[0]
		}
		if !differ {
			t.Error("no jitter")
		}
	})
}

func TestDNSBoundsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &answers{}
		ip := netip.MustParseAddr("10.0.0.0")
		for range maxDNSAnswer + 10 {
			r.ips = append(r.ips, ip.String())
			ip = ip.Next()
		}
		d, err := OpenDNS(DNSConfig{Name: "mem.lan", Port: 1, Resolver: r})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		synctest.Wait()
		if got := len(d.Donors()); got != maxDNSAnswer {
			t.Errorf("%d donors", got)
		}
	})
}

func TestDNSConfigIsChecked(t *testing.T) {
	for _, c := range []DNSConfig{{}, {Name: "a b", Port: 1}, {Name: "a"}, {Name: "a", Port: 1, Interval: -1}, {Name: "a", Port: 1, Timeout: -1}} {
		if _, err := OpenDNS(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
