package workload

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// span is when the first transaction began and the last one ended, in microseconds.
type span struct{ first, last int64 }

// readTransactions reads all logs of pgbench -l in a folder, one for each thread.
func readTransactions(dir string) (outcome, error) {
	result, times := newOutcome(), span{}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return result, err
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return result, fmt.Errorf("read pgbench's log: %w", err)
		}
		err = readLog(f, &result, &times)
		_ = f.Close()
		if err != nil {
			return result, err
		}
	}
	if result.done == 0 || times.last == times.first {
		return result, fmt.Errorf("pgbench's log has no transactions: %w", ErrWrong)
	}
	result.seconds = float64(times.last-times.first) / 1e6
	return result, nil
}

// readLog adds the transactions of one log. A line is
//
//	client transaction latency script epoch-seconds microseconds […]
//
// The latency is in microseconds, and the time is that of the end.
func readLog(r io.Reader, result *outcome, times *span) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		end, latency, err := parseTransaction(lines.Text())
		if err != nil {
			return err
		}
		if result.done == 0 || end-latency < times.first {
			times.first = end - latency
		}
		times.last = max(times.last, end)
		result.done++
		result.record(time.Duration(latency) * time.Microsecond)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read pgbench's log: %w", err)
	}
	return nil
}

// maxEpoch bounds a time in seconds. It is far in the future, and its microseconds fit in 64
// bits.
const maxEpoch = 1 << 40

// parseTransaction returns when a transaction ended, and how long it took, in microseconds.
func parseTransaction(line string) (end, latency int64, err error) {
	fields := strings.Fields(line)
	bad := func() (int64, int64, error) {
		return 0, 0, fmt.Errorf("pgbench's log has a line %q: %w", line, errReply)
	}
	if len(fields) < 6 {
		return bad()
	}
	var n [3]int64
	for i, field := range []string{fields[2], fields[4], fields[5]} {
		if n[i], err = strconv.ParseInt(field, 10, 64); err != nil || n[i] < 0 {
			return bad()
		}
	}
	if n[0] > int64(maxLatency/time.Microsecond) || n[1] > maxEpoch || n[2] >= 1e6 {
		return bad()
	}
	return n[1]*1e6 + n[2], n[0], nil
}
