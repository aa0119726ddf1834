package main

import (
	"flag"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/farswap/farswap/benchmarks/pathmodel"
	"github.com/farswap/farswap/swapdev"
)

// options are what the command line asks for.
type options struct {
	config pathmodel.Config
	json   bool
}

// parse reads the command line. Its errors are about that, and it has written them to w.
func parse(args []string, self string, w io.Writer) (options, error) {
	f := flag.NewFlagSet("bench-path", flag.ContinueOnError)
	f.SetOutput(w)
	f.Usage = func() {
		fmt.Fprint(w, "Usage: bench-path [FLAG…]\n\nMeasure the way of a page around the real device and donor against models of nbd, in turns.\n\n")
		f.PrintDefaults()
	}
	c := pathmodel.Config{
		Modes: []pathmodel.Mode{pathmodel.One, pathmodel.Apart, pathmodel.Free}, Threads: []int{1, 8},
		Ops: []string{pathmodel.Read, pathmodel.Write}, Self: []string{self, partWord},
	}
	f.DurationVar(&c.Time, "time", 600*time.Millisecond, "how long farswap, and each model of nbd, runs in each turn of a cell")
	f.IntVar(&c.Turns, "turns", 3, "turns of each cell")
	f.Func("modes", "where the parts run: one (CPU), apart, free (default one,apart,free)", func(text string) error {
		c.Modes = nil
		for _, mode := range strings.Split(text, ",") {
			c.Modes = append(c.Modes, pathmodel.Mode(mode))
		}
		return nil
	})
	f.Func("threads", "threads of the application (default 1,8)", func(text string) (err error) {
		c.Threads, err = numbers(text)
		return err
	})
	f.Func("ops", "what is done: read, write (default read,write)", func(text string) error {
		c.Ops = strings.Split(text, ",")
		return nil
	})
	f.Func("cpus", "CPU of application and donor, and that of the device in mode apart (default the first two)", func(text string) (err error) {
		c.CPUs, err = numbers(text)
		return err
	})
	mib := f.Int64("mib", 64, "size of the device in MiB")
	seal := f.String("seal", string(swapdev.SealOff), "whether the device seals pages: on, off")
	f.BoolVar(&c.DeviceProcess, "device-process", false, "the device is a process of its own, instead of a thread beside the application")
	f.BoolVar(&c.Realtime, "realtime", false, "device and donor have real-time priority (SCHED_RR); nbd never has")
	farswap := f.String("farswap", "farswap", "the program whose donor is used")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if *mib < 0 || *mib > pathmodel.MaxSize>>20 {
		*mib = 0 // refused below
	}
	c.Seal, c.Size, c.Donor = swapdev.Seal(*seal), *mib<<20, []string{*farswap, "donor"}
	c.Nbdkit, _ = exec.LookPath("nbdkit") // without it, its model is left out
	err := c.Validate()
	if f.NArg() > 0 {
		err = fmt.Errorf("argument %q: it takes flags alone", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(w, "bench-path:", err)
	}
	return options{c, *asJSON}, err
}

// numbers reads numbers with commas between.
func numbers(text string) (all []int, err error) {
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", part)
		}
		all = append(all, n)
	}
	return all, nil
}
