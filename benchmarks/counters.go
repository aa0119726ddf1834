package benchmarks

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// counters are running totals of the kernel.
type counters struct {
	majorFaults int64 // of this process
	pswpin      int64 // pages of the whole machine
	pswpout     int64
}

func readCounters() (counters, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return counters{}, fmt.Errorf("read this process's resource usage: %w", err)
	}
	c := counters{majorFaults: usage.Majflt}
	vmstat, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return counters{}, fmt.Errorf("read the kernel's swap counters: %w", err)
	}
	c.pswpin, c.pswpout, err = parseVMStat(vmstat)
	return c, err
}

// parseVMStat finds the swap counters. A kernel without swap has none, which gives zeros.
func parseVMStat(text []byte) (in, out int64, err error) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		var to *int64
		switch string(name) {
		case "pswpin":
			to = &in
		case "pswpout":
			to = &out
		default:
			continue
		}
		if *to, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return 0, 0, fmt.Errorf("read %s of /proc/vmstat: %w", name, err)
		}
	}
	return in, out, nil
}

func (c counters) since(before counters) counters {
	return counters{
		majorFaults: c.majorFaults - before.majorFaults,
		pswpin:      c.pswpin - before.pswpin,
		pswpout:     c.pswpout - before.pswpout,
	}
}
