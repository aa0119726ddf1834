package lenders

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Lenders are the donors of one device. The methods may be called from any goroutine, but
// for those that say otherwise.
type Lenders struct {
	Roster
	cfg Config

	naming sync.Mutex // held while a donor claims its name; taken before Donor.mu
	mu     sync.Mutex // guards queues while they open
	queues []Queue

	ignored atomic.Int64 // see Ignored

	keeping context.Context // of the goroutines that keep donors
	end     context.CancelFunc
	keepers sync.WaitGroup
}

// New makes the donors at a list of addresses. Nobody is asked yet: see Reach and Start.
func New(cfg Config, addresses []string) *Lenders {
	l := &Lenders{cfg: cfg}
	l.keeping, l.end = context.WithCancel(context.Background())
	for _, address := range addresses {
		l.add(address)
	}
	return l
}

// AddQueue adds a queue that the donors are to connect. It has to come before Start.
func (l *Lenders) AddQueue(q Queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queues = append(l.queues, q)
}

// Transports names the transports that the donors are connected over, fastest first and
// joined: rdma+tcp. While there is none, it is the first that can be tried.
func (l *Lenders) Transports() string {
	over := map[string]bool{}
	for _, d := range l.All() {
		over[d.Transport()] = true
	}
	var names []string
	for _, t := range l.cfg.Transports {
		if over[t.Name] {
			names = append(names, t.Name)
		}
	}
	if len(names) > 0 {
		return strings.Join(names, "+")
	}
	return l.cfg.Transports[max(slices.IndexFunc(l.cfg.Transports, (*Transport).opened), 0)].Name
}
