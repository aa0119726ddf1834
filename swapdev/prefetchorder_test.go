package swapdev

import (
	"context"
	"slices"
	"testing"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// postings notes which pages of the first slab are read over the connections of a device, in
// the order in which they are posted. It belongs to the thread of the one queue.
type postings struct {
	verbs.Device
	room  int     // operations that a connection takes at a time; 0: as many as the real one
	pages []int64 // the first of each read
}

func (p *postings) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	conn, err := p.Device.Connect(ctx, address, cred, cfg)
	return &postingsConn{conn, p}, err
}

type postingsConn struct {
	verbs.Conn
	p *postings
}

func (c *postingsConn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	qp, err := c.Conn.Attach(loop, notify)
	return &postingsQP{qp, c.p}, err
}

type postingsQP struct {
	verbs.QP
	p *postings
}

func (q *postingsQP) Post(wr *verbs.WR) error {
	if q.p.room > 0 && q.Outstanding() >= q.p.room {
		return verbs.ErrQueueFull
	}
	err := q.QP.Post(wr)
	if err == nil && wr.Op == verbs.OpRead {
		q.p.pages = append(q.p.pages, int64(wr.Remote/testPage))
	}
	return err
}

// TestRequestsGoBeforePrefetch has reads of several readers in one pass, some of which have
// pages fetched ahead: what a request waits for is posted first, also if the connection takes
// only a part of it at once.
func TestRequestsGoBeforePrefetch(t *testing.T) {
	for _, room := range []int{0, 2} {
		var p *postings
		r := newInline(t, rigOptions{wrap: func(d verbs.Device) verbs.Device {
			p = &postings{Device: d}
			return p
		}})
		r.warm()
		for page := int64(100); page < 120; page++ {
			r.batch(ublk.OpRead, page, 1)
		}
		asked := []int64{10, 11, 12, 13, 300, 301, 302, 303, 450, 20, 21, 22}
		requests := make([]ublk.Desc, len(asked))
		for i, page := range asked {
			requests[i] = ublk.Desc{Op: ublk.OpRead, Offset: page * testPage, Length: testPage}
		}
		p.pages, p.room = nil, room
		before := r.engine.queues[0].Counts().Prefetched
		if res, err := r.bench.Each(requests...); err != nil || res != testPage {
			t.Fatalf("%d, %v", res, err)
		}
		// The next pass has room for what was not fetched in this one.
		for page := int64(23); page < 30; page++ {
			r.batch(ublk.OpRead, page, 1)
		}
		if len(p.pages) < len(asked) || !slices.Equal(p.pages[:len(asked)], asked) {
			t.Errorf("room for %d: pages were posted in the order %v, and asked for in the order %v", room, p.pages, asked)
		}
		if after := r.engine.queues[0].Counts().Prefetched; after == before {
			t.Errorf("room for %d: nothing was fetched ahead", room)
		}
	}
}
