package main

import (
	"fmt"
	"time"
)

// longestHang is how long a page may take beyond the faults of that time.
const longestHang = time.Minute

// clockSlack is how far the kernel's log may be off the monotonic clock.
const clockSlack = 2 * time.Second

// record is a round that was played. Times are on the monotonic clock.
type record struct {
	Round    Round         `json:"round"`
	Begun    time.Duration `json:"begun"`
	Ended    time.Duration `json:"ended"`    // of its last fault
	Settled  time.Duration `json:"settled"`  // when the device was well again, and lost pages were found
	Exposure exposure      `json:"exposure"` // when it began
	Lost     int64         `json:"lost"`     // pages that the device lost in it
	Flipped  int64         `json:"flipped"`  // bits of pages
	Failure  string        `json:"failure,omitempty"`
}

// mayLose reports whether what happened in the round explains lost pages and I/O errors.
func (r record) mayLose() bool {
	if r.Round.mayLose() {
		return true
	}
	for _, f := range r.Round {
		if r.Exposure.mayLoseBy(f.Kind) {
			return true
		}
	}
	return false
}

// result is the outcome of a run. It is one line of JSON.
type result struct {
	Seed         uint64       `json:"seed"`
	Kernel       string       `json:"kernel"`
	Seconds      int          `json:"seconds"`
	Good         bool         `json:"good"`
	Rounds       int          `json:"rounds"`
	Pairs        int          `json:"pairs"`
	Faults       map[Kind]int `json:"faults"`
	NotAvailable map[Kind]int `json:"not_available"` // faults of the schedule that this farswap cannot be given
	Verified     int64        `json:"pages_verified"`
	Direct       int64        `json:"direct_requests"` // on the second device
	Wrong        int          `json:"pages_wrong"`
	Lost         int64        `json:"pages_lost"` // by the device, in rounds that explain it
	Explained    int          `json:"errors_explained"`
	Unexplained  int          `json:"errors_unexplained"`
	Longest      int64        `json:"longest_stall_ms"`
	LongestIn    string       `json:"longest_stall_in"`
	Hangs        int          `json:"hangs"`
	Flipped      int64        `json:"bits_flipped"`
	SwapOff      int64        `json:"swapoff_ms"`
	Failures     []string     `json:"failures"`
}

func (r *result) fail(format string, a ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, a...))
}

// judge judges a run by its rounds, by what its workload said, and by what the kernel said.
func judge(records []record, workload []said, kernel []kernelLine) result {
	r := result{Faults: map[Kind]int{}, NotAvailable: map[Kind]int{}, Failures: []string{}, Rounds: len(records)}
	for _, rec := range records {
		if len(rec.Round) == 2 {
			r.Pairs++
		}
		for _, f := range rec.Round {
			r.Faults[f.Kind]++
		}
		r.Flipped += rec.Flipped
		if rec.Failure != "" {
			r.fail("%v: %s", rec.Round, rec.Failure)
		}
		if rec.Lost > 0 && rec.mayLose() {
			r.Lost += rec.Lost
		} else if rec.Lost > 0 {
			r.fail("%v: the device lost %d pages, which this does not explain", rec.Round, rec.Lost)
		}
	}
	for _, s := range workload {
		r.judgeSaid(records, s)
	}
	for _, line := range kernel {
		r.judgeError(records, line.At, "kernel: "+line.Text)
	}
	r.Good = len(r.Failures) == 0
	return r
}

func (r *result) judgeSaid(records []record, s said) {
	switch s.What {
	case "count":
		r.Verified = max(r.Verified, s.Verified)
	case "wrong":
		r.Wrong++
		r.fail("page %d begins with %#x, want %#x, in %s", s.Page, s.First, s.Want, during(records, s.At))
	case "lost":
		r.judgeError(records, s.At, fmt.Sprintf("page %d could not be read", s.Page))
	case "stall":
		if ms := s.For.Milliseconds(); ms > r.Longest {
			r.Longest, r.LongestIn = ms, during(records, s.At)
		}
		if beyond(records, s.At, s.At+s.For) > longestHang {
			r.Hangs++
			r.fail("page %d took %v, in %s", s.Page, s.For.Round(time.Second), during(records, s.At))
		}
	}
}

// judgeError counts an error, and fails if no round explains it.
func (r *result) judgeError(records []record, at time.Duration, text string) {
	for _, rec := range records {
		if rec.mayLose() && at >= rec.Begun-clockSlack && at <= rec.Settled+clockSlack {
			r.Explained++
			return
		}
	}
	r.Unexplained++
	r.fail("%s, in %s", text, during(records, at))
}

// during is the round of a time.
func during(records []record, at time.Duration) string {
	for _, rec := range records {
		if at >= rec.Begun && at <= rec.Settled {
			return rec.Round.String()
		}
	}
	return "no round"
}

// beyond is how much of a time no fault was on.
func beyond(records []record, from, to time.Duration) time.Duration {
	left := to - from
	for _, rec := range records {
		left -= max(0, min(to, rec.Ended)-max(from, rec.Begun))
	}
	return left
}
