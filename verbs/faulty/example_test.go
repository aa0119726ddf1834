package faulty_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"runtime"
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/tcp"
)

// A device that works, and then fails every operation.
func ExampleWrap() {
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
	inner, err := tcp.Open(tcp.Config{})
	must(err)
	dev := faulty.Wrap(inner, faulty.Plan{Seed: 1})
	local, err := offheap.Map(4096, offheap.Options{})
	must(err)
	region, err := dev.Register(local)
	must(err)
	conn, err := dev.Connect(context.Background(), server.Address(), cred, verbs.QPConfig{})
	must(err)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 16})
	must(err)
	qp, err := conn.Attach(loop, nil)
	must(err)
	read := func() {
		must(qp.Post(&verbs.WR{Op: verbs.OpRead, Local: local, Key: grant.Key}))
		qp.Doorbell()
		var done [1]verbs.Completion
		for qp.Poll(done[:]) == 0 {
			must(loop.Pass(100 * time.Millisecond))
		}
		fmt.Println(done[0].Op, done[0].Status, errors.Is(qp.Err(), faulty.ErrInjected))
	}
	read()
	dev.SetPlan(faulty.Plan{Fail: 1})
	read()

	must(errors.Join(qp.Close(), loop.Close(), region.Close(), dev.Close(), server.Close(), offheap.Unmap(local), offheap.Unmap(lent)))
	// Output:
	// read ok false
	// read transport true
}
