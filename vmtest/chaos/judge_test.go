package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// at are rounds of one kind or two, each of 10 s, one after the other, settled 5 s after their end.
func at(rounds ...[]Kind) (all []record) {
	for i, of := range rounds {
		begun := time.Duration(1+20*i) * time.Second
		rec := record{Begun: begun, Ended: begun + 10*time.Second, Settled: begun + 15*time.Second}
		for _, k := range of {
			rec.Round = append(rec.Round, Fault{Kind: k, Donor: 1, For: 10 * time.Second})
		}
		all = append(all, rec)
	}
	return all
}

func TestJudge(t *testing.T) {
	second := time.Second
	exposed := at([]Kind{DonorKill})
	exposed[0].Exposure.Remote = 3
	readable := at([]Kind{DiskFail})
	readable[0].Exposure.Remote = 3 // donors have these: the disk takes nothing of them
	for _, c := range []struct {
		name    string
		records []record
		said    []said
		kernel  []kernelLine
		lost    int64 // pages that the device lost in the first round
		failure string
		want    func(r result) bool
	}{
		{name: "nothing happens", records: at([]Kind{DonorKill})},
		{
			name: "a wrong page", records: at([]Kind{DonorKill, DiskFail}), said: []said{{What: "wrong", At: 2 * second, Page: 7}},
			failure: "page 7 begins with", want: func(r result) bool { return r.Wrong == 1 },
		},
		{
			name: "an error that a pair explains", records: at([]Kind{DonorKill, DiskFail}),
			said:   []said{{What: "lost", At: 2 * second, Page: 7}},
			kernel: []kernelLine{{At: 2 * second, Text: "I/O error"}},
			want:   func(r result) bool { return r.Explained == 2 },
		},
		{
			name: "an error that a pair does not explain", records: at([]Kind{DonorStop, DiskFail}),
			said: []said{{What: "lost", At: 2 * second, Page: 7}}, failure: "page 7 could not be read",
			want: func(r result) bool { return r.Unexplained == 1 },
		},
		{
			name: "an error of a single fault", records: at([]Kind{DonorKill}), kernel: []kernelLine{{At: 2 * second, Text: "Read-error on swap-device"}},
			failure: "Read-error", want: func(r result) bool { return r.Unexplained == 1 },
		},
		{
			name: "an error of a single fault that met the only copy", records: exposed, said: []said{{What: "lost", At: 2 * second}},
			want: func(r result) bool { return r.Explained == 1 },
		},
		{
			name: "an error of a single fault that met the other copy", records: readable, said: []said{{What: "lost", At: 2 * second}},
			failure: "could not be read", want: func(r result) bool { return r.Unexplained == 1 },
		},
		{
			name: "an error after the round that would explain it", records: at([]Kind{DonorKill, DiskFail}, []Kind{Delay}),
			said: []said{{What: "lost", At: 30 * second}}, failure: "in delay", want: func(r result) bool { return r.Unexplained == 1 },
		},
		{
			name: "pages lost as a pair explains", records: at([]Kind{ServerKill, DonorKill}), lost: 9,
			want: func(r result) bool { return r.Lost == 9 },
		},
		{name: "pages lost by a single fault", records: at([]Kind{ServerKill}), lost: 9, failure: "lost 9 pages"},
		{
			name: "a long stall", records: at([]Kind{Silence}), said: []said{{What: "stall", At: 2 * second, For: 69 * second}},
			want: func(r result) bool { return r.Longest == 69000 && r.Hangs == 0 }, // 9 s of it are the fault's
		},
		{
			name: "a hang", records: at([]Kind{Silence}), said: []said{{What: "stall", At: 2 * second, For: 70 * second}},
			failure: "took 1m10s", want: func(r result) bool { return r.Hangs == 1 },
		},
		{
			name: "verified pages", records: at([]Kind{Cut}), said: []said{{What: "count", Verified: 5}, {What: "count", Verified: 8}},
			want: func(r result) bool { return r.Verified == 8 },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.records[0].Lost = c.lost
			r := judge(c.records, c.said, c.kernel)
			if r.Good != (c.failure == "") || !strings.Contains(strings.Join(r.Failures, "\n"), c.failure) {
				t.Errorf("good %t, failures %q; want %q", r.Good, r.Failures, c.failure)
			}
			if c.want != nil && !c.want(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestResultIsOneLine also checks that the table and the history show all kinds that were played.
func TestResultIsOneLine(t *testing.T) {
	records := at([]Kind{DonorKill, DiskFail}, []Kind{Cut})
	r := judge(records, nil, nil)
	r.NotAvailable = map[Kind]int{ServerKill: 2}
	var line, table bytes.Buffer
	if err := r.line(&line); err != nil {
		t.Fatal(err)
	}
	if strings.Count(line.String(), "\n") != 1 || !json.Valid(line.Bytes()) {
		t.Errorf("%q", line.String())
	}
	r.table(&table)
	history(&table, records)
	for _, part := range []string{"donor-kill          1", "cut                 1", "server-kill         0              2", "20.0 to  30.0, settled  35.0: cut", "may lose pages"} {
		if !strings.Contains(table.String(), part) {
			t.Errorf("no %q in\n%s", part, table.String())
		}
	}
}
