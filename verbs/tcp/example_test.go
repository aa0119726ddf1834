package tcp_test

import (
	"context"
	"fmt"
	"log"
	"runtime"
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/tcp"
)

// A donor lends a page, a device writes to it and reads it back.
func Example() {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	lent, err := offheap.Map(4096, offheap.Options{})
	must(err)
	server, err := tcp.Listen("127.0.0.1:0", tcp.Config{Threads: 1})
	must(err)
	cred := verbs.NewCredential(1)
	must(server.Admit(cred))
	grant, err := server.Register(1, lent)
	must(err)

	arena, err := offheap.Map(8192, offheap.Options{})
	must(err)
	dev, err := tcp.Open(tcp.Config{})
	must(err)
	region, err := dev.Register(arena)
	must(err)
	conn, err := dev.Connect(context.Background(), server.Address(), cred, verbs.QPConfig{Depth: 2})
	must(err)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 16})
	must(err)
	qp, err := conn.Attach(loop, nil)
	must(err)

	copy(arena, "far away")
	must(qp.Post(&verbs.WR{ID: 1, Op: verbs.OpWrite, Local: arena[:4096], Key: grant.Key}))
	must(qp.Post(&verbs.WR{ID: 2, Op: verbs.OpRead, Local: arena[4096:], Key: grant.Key}))
	qp.Doorbell()
	var done [2]verbs.Completion
	for qp.Outstanding() > 0 {
		must(loop.Pass(100 * time.Millisecond))
		for _, c := range done[:qp.Poll(done[:])] {
			fmt.Println(c.ID, c.Op, c.Status)
		}
		qp.Tick(loop.Now())
	}
	fmt.Printf("%s\n", arena[4096:4096+8])

	must(qp.Close())
	must(loop.Close())
	must(region.Close())
	must(dev.Close())
	must(server.Close())
	must(offheap.Unmap(arena))
	must(offheap.Unmap(lent))
	// Output:
	// 1 write ok
	// 2 read ok
	// far away
}
