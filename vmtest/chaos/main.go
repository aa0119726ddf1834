// Command chaos has a device swap while faults of all kinds meet it, alone and in pairs, and judges what becomes of
// it.
//
// # Dangers
//
// Only `chaos` itself, which ./do chaos runs, is for a person's machine: it boots two virtual machines, joined by
// links of QEMU. In them it runs `chaos device` and `chaos donors`, which take all memory, set the clock, break the
// disk and the network, and kill servers.
//
// # How it works
//
// The device's machine plays the rounds of a [Schedule]. A fault of its own machine it makes itself; of the others it
// orders the donors' machine, over a link of its own. The workload, `chaos work`, is a process with less memory than
// it uses, so that it swaps. It knows the version of each page, in locked memory, and verifies each page that it
// touches. After each round the device has to be well again.
//
// What single faults and pairs may do is in docs/faults.md, and in mayLose. A page that is lost is an error, SIGBUS,
// and never wrong.
//
// The same seed gives the same schedule. How much of it is played depends on how fast the machine is.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// dispatch runs the program that the first argument names, or the host's.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "device":
			return runDevice(args[1:])
		case "donors":
			return runDonors(args[1:])
		case "work":
			return runWork(args[1:], os.Stdin, os.Stdout)
		case "hog":
			return runHog(args[1:])
		}
	}
	return runHost(args)
}
