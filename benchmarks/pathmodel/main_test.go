package pathmodel

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/donor"
)

// Words with which this test binary is a part, or a donor, instead of the tests.
const (
	testPart  = "part"
	testDonor = "donor"
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == testPart:
		err = Part(os.Args[2:], os.Stdin, os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == testDonor:
		err = lend(os.Args[2:])
	default:
		keepProcs() // tests have threads that wait as those of Run do
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lend is a donor that takes the flags of `farswap donor` that a contender gives.
func lend(args []string) error {
	c := donor.Config{Ahead: -1, Unlocked: true, Log: zerolog.Nop()}
	f := flag.NewFlagSet(testDonor, flag.ContinueOnError)
	f.StringVar(&c.Listen, "listen", "", "")
	f.StringVar(&c.Name, "name", "", "")
	f.StringVar(&c.Transport, "transport", "", "")
	f.Int64Var(&c.Memory, "memory", 0, "")
	f.BoolVar(&c.Insecure, "insecure", false, "")
	for _, other := range []string{"config", "headroom", "state-root"} {
		f.String(other, "", "")
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	d, err := donor.Open(c)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer cancel()
	if err := d.Serve(ctx); err != nil {
		return err
	}
	return d.Close()
}
