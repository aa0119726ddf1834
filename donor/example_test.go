package donor_test

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/donor"
)

// A donor lends 64 MiB; a device asks for a slab of 4 MiB and gives it back.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d, err := donor.Open(donor.Config{
		Name: "spare", Listen: "127.0.0.1:0", Insecure: true, Memory: 64 << 20,
		Unlocked: true, // so that the example runs without privileges
		Log:      zerolog.Nop(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- d.Serve(ctx) }()

	s, err := control.Dial(ctx, d.Addr(), control.DialConfig{
		Device: control.NewUUID(), Name: "needy", SlabSize: 4 << 20, Insecure: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	grant, err := s.Map(ctx, 0, 4<<20, false, "")
	fmt.Println(grant.Bytes, err)
	mem, err := s.QueryMem(ctx)
	fmt.Println(mem.Free, mem.Mapped, err)
	fmt.Println(s.Unmap(ctx, 0), s.Close())

	cancel()
	fmt.Println(<-served, d.Close())
	// Output:
	// 4194304 <nil>
	// 62914560 4194304 <nil>
	// <nil> <nil>
	// <nil> <nil>
}
