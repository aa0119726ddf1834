// Command fake shows a made-up device and its donors to `farswap top` and the web page,
// on a machine that has none:
//
//	go run ./dash/dashtest/fake --state-root DIR --age 10m &
//	farswap top --state-root DIR
//
// It runs until it is interrupted. See package dashtest for what happens in its world.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/farswap/farswap/dash/dashtest"
)

func main() {
	root := flag.String("state-root", "", "folder of the state folders, made if it is missing")
	seed := flag.Uint64("seed", 1, "of the world")
	age := flag.Duration("age", 0, "how long the device has run already")
	speed := flag.Float64("speed", 1, "seconds of the world in a second")
	flag.Parse()
	if err := run(*root, *seed, *age, *speed); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(1)
	}
}

func run(root string, seed uint64, age time.Duration, speed float64) error {
	if root == "" || flag.NArg() > 0 {
		return fmt.Errorf("want --state-root DIR and nothing else than options")
	}
	w := dashtest.New(seed, time.Now().Add(-age))
	w.Step(age)
	s, err := dashtest.Serve(root, w)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	w.Live(ctx, speed)
	return s.Close()
}
