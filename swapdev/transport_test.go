package swapdev

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farswap/farswap/swapdev/lenders"
)

// ways are a rig with a lender, and what it can be reached by.
type ways struct {
	*rig       // nil before start
	t          *testing.T
	setting    string
	lender     *lender
	rdma, tcp  *way
	transports []*lenders.Transport
	absent     atomic.Pointer[error] // why RDMA cannot be opened
	log        logged
}

// newWays lends over some transports to a device that has rdma and tcp, or one.
func newWays(t *testing.T, setting string, lent ...string) *ways {
	t.Helper()
	w := &ways{t: t, setting: setting, lender: startLender(t, lent...)}
	if setting != lenders.TransportTCP {
		w.rdma = newWay(t, lenders.TransportRDMA)
		w.transports = append(w.transports, w.rdma.transport(&w.absent))
	}
	if setting != lenders.TransportRDMA {
		w.tcp = newWay(t, lenders.TransportTCP)
		w.transports = append(w.transports, w.tcp.transport(nil))
	}
	return w
}

func (w *ways) start() {
	w.t.Helper()
	w.rig = newRig(w.t, rigOptions{queues: 2, transports: w.transports, prepare: func(c *Config) {
		c.Donors, c.Transport, c.Log = []string{w.lender.address()}, w.setting, w.log.logger()
		c.Spin, c.Grace = 70*time.Microsecond, 500*time.Millisecond // then the other transport
	}})
}

func (w *ways) wantOver(transport string) {
	w.t.Helper()
	w.until("the donor is reached over "+transport, func() bool {
		s := w.engine.report()
		return s.Donors[0].State == string(lenders.StateUp) && s.Donors[0].Transport == transport && s.Transport == transport
	})
}

// use has a slab mapped, written and read.
func (w *ways) use(version uint64) {
	w.t.Helper()
	w.heat(0)
	before := w.engine.report().IO
	for page := range int64(8) {
		w.write(int(page), page*16, version, 16)
		w.read(int(page)+1, page*16, version, 16)
	}
	if io := w.engine.report().IO; io.RemoteWrites == before.RemoteWrites || io.RemoteReads == before.RemoteReads || io.Errors != 0 {
		w.t.Errorf("nothing went to the donor, or wrong: %+v", io)
	}
}

// TestFirstTransportThatWorks: what is offered and opened and connects, in the
// order of preference.
func TestFirstTransportThatWorks(t *testing.T) {
	for name, tt := range map[string]struct {
		setting string
		lent    []string
		spoil   func(*ways)
		want    string
		said    string // in a line of the log, once
	}{
		"both have both":        {"auto", []string{"tcp", "rdma"}, nil, "rdma", ""},
		"donor has TCP":         {"auto", []string{"tcp"}, nil, "tcp", ""},
		"donor has RDMA":        {"auto", []string{"rdma"}, nil, "rdma", ""},
		"device has TCP":        {"tcp", []string{"rdma", "tcp"}, nil, "tcp", ""},
		"device insists":        {"rdma", []string{"tcp", "rdma"}, nil, "rdma", ""},
		"RDMA is missing":       {"auto", []string{"rdma", "tcp"}, func(w *ways) { w.absent.Store(&errWay) }, "tcp", "cannot be used"},
		"RDMA does not connect": {"auto", []string{"rdma", "tcp"}, func(w *ways) { w.rdma.failFrom = 1 }, "tcp", "a slower one"},
		"one queue does not":    {"auto", []string{"rdma", "tcp"}, func(w *ways) { w.rdma.failFrom = 2 }, "tcp", "a slower one"},
		"one does not attach":   {"auto", []string{"rdma", "tcp"}, func(w *ways) { w.rdma.badQueue = 2 }, "tcp", "a slower one"},
		"no memory registered":  {"auto", []string{"rdma", "tcp"}, func(w *ways) { w.rdma.register = errWay }, "tcp", "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWays(t, tt.setting, tt.lent...)
			if tt.spoil != nil {
				tt.spoil(w)
			}
			w.start()
			w.wantOver(tt.want)
			w.use(2)
			if n := w.lender.mapped(tt.want); n == 0 || n != w.lender.mapped("rdma")+w.lender.mapped("tcp") {
				t.Errorf("slabs were mapped over %v", w.lender.maps)
			}
			if tt.said != "" && len(w.log.lines(tt.said, errWay.Error())) != 1 {
				t.Errorf("%q is not said once: %s", tt.said, w.log.text.String())
			}
			if s := w.engine.report(); s.TransportSetting != tt.setting || s.Degraded {
				t.Errorf("setting %q, degraded: %q", s.TransportSetting, s.Reason)
			}
			for _, field := range []string{`"asking":"`, `"map":"`, `"open":"`, `"took":"`, `"transport":"` + tt.want} {
				if len(w.log.lines("slab is mapped", field)) == 0 {
					t.Errorf("no slab is mapped with %s: %s", field, w.log.text.String())
				}
			}
		})
	}
}

// TestInsistence: a device that insists on RDMA takes nothing else, and says why
// it has nothing.
func TestInsistence(t *testing.T) {
	w := newWays(t, "rdma", "rdma", "tcp")
	w.rdma.failFrom = 1
	w.start()
	w.until("the reason shows", func() bool {
		d := w.engine.report().Donors[0]
		return strings.Contains(d.Error, "over rdma") && strings.Contains(d.Error, errWay.Error()) && d.Transport == ""
	})
	w.write(0, 0, 1, 4)
	w.read(1, 0, 1, 4)
	if n := w.lender.mapped("tcp"); n != 0 {
		t.Errorf("%d slabs were mapped over TCP", n)
	}
	if s := w.engine.report(); s.Transport != "rdma" || !s.Degraded {
		t.Errorf("over %q, degraded %v", s.Transport, s.Degraded)
	}
	w.rdma.mu.Lock()
	w.rdma.failFrom = 0
	w.rdma.mu.Unlock()
	w.wantOver("rdma")
	w.use(2)
}

// TestFallsBackAndReturns: a link that fails under load costs nothing but speed,
// and is used again.
func TestFallsBackAndReturns(t *testing.T) {
	w := newWays(t, "auto", "rdma", "tcp")
	w.start()
	h := newHistory(w.rig)
	n := h.during(time.Second, func() {
		w.wantOver("rdma")
		w.until("slabs are mapped over RDMA", func() bool { return w.lender.mapped("rdma") > 0 })
		w.rdma.Kill(w.lender.over("rdma"))
		w.wantOver("tcp")
		w.until("slabs are mapped over TCP", func() bool { return w.lender.mapped("tcp") > 0 })
		w.lender.hangUp() // the reason is the same, and said already
		w.until("the session is lost", func() bool { return len(w.log.lines("donor is lost")) == 2 })
		w.wantOver("tcp")
		w.rdma.Heal(w.lender.over("rdma"))
		w.lender.hangUp()
		w.wantOver("rdma")
	})
	s := h.engine.report()
	t.Logf("%d requests: %+v %+v", n, s.Pages, s.IO)
	if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.IO.Failovers == 0 {
		t.Errorf("%+v", s.IO)
	}
	if got := w.log.lines("a slower one", "was killed"); len(got) != 1 {
		t.Errorf("the fall back is said %d times", len(got))
	}
}

// TestRDMAComesLate: a device that started without RDMA uses it with sessions that
// begin when there is some, and polls as long as it was told.
func TestRDMAComesLate(t *testing.T) {
	w := newWays(t, "auto", "rdma", "tcp")
	w.absent.Store(&errWay)
	w.start()
	w.wantOver("tcp")
	w.use(2)
	w.lender.hangUp() // the reason is the same, and said already
	w.until("it is connected again", func() bool { return len(w.log.lines("donor is connected")) == 2 })
	w.absent.Store(nil)
	w.lender.hangUp()
	w.wantOver("rdma")
	w.use(3)
	if len(w.log.lines("cannot be used")) != 1 || len(w.log.lines("can be used now", `"rdma"`)) != 1 {
		t.Errorf("log: %s", w.log.text.String())
	}
	w.rdma.mu.Lock()
	defer w.rdma.mu.Unlock()
	if w.rdma.spin.Spin != w.cfg.Spin || w.rdma.spin.Timeout != w.cfg.OpTimeout {
		t.Errorf("connected with %+v", w.rdma.spin)
	}
}

// TestDonorWithoutTheTransport is refused before anything is served.
func TestDonorWithoutTheTransport(t *testing.T) {
	for name, tt := range map[string]struct {
		setting, lent string
		absent        error
		want          []string
	}{
		"insisted":         {"rdma", "tcp", nil, []string{"offers no data connection over rdma"}},
		"TCP":              {"tcp", "rdma", nil, []string{"offers no data connection over tcp"}},
		"unknown":          {"auto", "pigeon", nil, []string{"over rdma or tcp"}},
		"offered in vain":  {"auto", "rdma", errWay, []string{errWay.Error()}},
		"offered, to some": {"auto", "tcp", errWay, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWays(t, tt.setting, tt.lent)
			if tt.absent != nil {
				w.absent.Store(&tt.absent)
			}
			c := goodConfig()
			c.Donors, c.Transport = []string{w.lender.address()}, tt.setting
			life, err := newLife(c.withDefaults(), false)
			if err != nil {
				t.Fatal(err)
			}
			e, err := newEngine(c.withDefaults(), life, w.transports, nil)
			if err != nil {
				t.Fatal(err)
			}
			sessions, err := e.donors.Reach(t.Context())
			if (err == nil) != (tt.want == nil) || err != nil && !errors.Is(err, ErrNoDonor) {
				t.Errorf("%v", err)
			}
			for _, part := range append(tt.want, w.lender.address()) {
				if err != nil && (!strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n")) {
					t.Errorf("%q lacks %q", err, part)
				}
			}
			if err := errors.Join(lenders.CloseAll(sessions), e.close()); err != nil {
				t.Error(err)
			}
		})
	}
}
