package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// table writes what a run was, for people.
func (r result) table(w io.Writer) {
	fmt.Fprintf(w, "%-14s %6s %14s\n", "fault", "times", "not available")
	for _, k := range kinds {
		if r.Faults[k] > 0 || r.NotAvailable[k] > 0 {
			fmt.Fprintf(w, "%-14s %6d %14s\n", k, r.Faults[k], strings.TrimSuffix(fmt.Sprintf("%d", r.NotAvailable[k]), "0"))
		}
	}
	fmt.Fprintf(w, "rounds: %d, of them pairs: %d; bits flipped: %d\n", r.Rounds, r.Pairs, r.Flipped)
	fmt.Fprintf(w, "pages: %d verified, %d wrong, %d lost as two faults explain\n", r.Verified, r.Wrong, r.Lost)
	fmt.Fprintf(w, "direct I/O on a second device: %d requests\n", r.Direct)
	fmt.Fprintf(w, "errors: %d explained, %d unexplained\n", r.Explained, r.Unexplained)
	fmt.Fprintf(w, "longest stall: %v, in %s; hangs: %d; swapoff took %v\n",
		time.Duration(r.Longest)*time.Millisecond, r.LongestIn, r.Hangs, time.Duration(r.SwapOff)*time.Millisecond)
	for _, f := range r.Failures {
		fmt.Fprintln(w, "failure:", f)
	}
}

// history writes the rounds, with times from the first one's begin, in seconds.
func history(w io.Writer, records []record) {
	for _, rec := range records {
		from := records[0].Begun
		fmt.Fprintf(w, "%7.1f to %5.1f, settled %5.1f: %v", (rec.Begun - from).Seconds(), (rec.Ended - from).Seconds(), (rec.Settled - from).Seconds(), rec.Round)
		if rec.mayLose() {
			fmt.Fprintf(w, " (may lose pages; lost: %d; with one copy before: %d at donors, %d in the backing file)", rec.Lost, rec.Exposure.Remote, rec.Exposure.Backing)
		}
		fmt.Fprintln(w)
	}
}

// line writes the result as one line of JSON.
func (r result) line(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
