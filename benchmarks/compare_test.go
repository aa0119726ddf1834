package benchmarks

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func result(name string, fill float64, perSecond float64, p50, p99 int64) PagingResult {
	return PagingResult{
		Name: name, Size: 256 << 20, Threads: 4, WriteShare: 0.25, FillSeconds: fill,
		SweptPages: 65536, PswpIn: 123456, PswpOut: 65432,
		Phases: []PagingPhase{{
			Pattern: Uniform, AccessesPerSecond: perSecond, P50NS: p50, P99NS: p99, P999NS: 2 * p99,
			MajorFaults: 1000, PswpIn: 2000, Seconds: 10,
		}},
	}
}

func TestCompareTable(t *testing.T) {
	c, err := Compare([]PagingResult{
		result("disk", 12, 1500, 980_000, 15_300_000),
		result("farswap", 4, 9000.5, 245_000, 1_020_000),
		result("nothing", 0, 0, 0, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	const want = `256 MiB of memory, 4 threads, 25% writes; disk is 1×, more is better

                    disk   farswap          nothing
fill              12.0 s     4.0 s  3.00×     0.0 s      –
uniform
  accesses/s       1,500     9,000  6.00×         0      –
  p50             980 µs    245 µs  4.00×      0 ns      –
  p99            15.3 ms   1.02 ms  15.0×      0 ns      –
  p99.9          30.6 ms   2.04 ms             0 ns
  major faults     1,000     1,000            1,000
  pages in         2,000     2,000            2,000
  page-ins/s         200       200  1.00×       200  1.00×
whole run
  pages in       123,456   123,456          123,456
  pages out       65,432    65,432           65,432
  pages swept     65,536    65,536           65,536
  mismatches           0         0                0
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}

func TestCompareTableOfCosts(t *testing.T) {
	nbd, farswap := result("nbd", 4, 1000, 980_000, 15_300_000), result("farswap", 4, 2000, 245_000, 1_020_000)
	for i, r := range []*PagingResult{&nbd, &farswap} {
		r.Phases[0].Machine = MachineUsage{UserSeconds: 1, SystemSeconds: 2, InterruptSeconds: 0.5, IdleSeconds: 0.5, Switches: 9000}
		r.Phases[0].Processes = []ProcessUsage{
			{Name: workloadName, CPUSeconds: 1, Switches: 2000},
			{Name: []string{"nbdkit", "donor"}[i], CPUSeconds: 0.5, Switches: 4000},
		}
	}
	farswap.Phases[0].Seconds, farswap.Phases[0].PswpIn = 5, 4000
	farswap.Placement = place(device())
	c, err := Compare([]PagingResult{nbd, farswap})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	const want = `256 MiB of memory, 4 threads, 25% writes; nbd is 1×, more is better

                                           nbd                 farswap
fill                                     4.0 s                   4.0 s  1.00×
uniform
  accesses/s                             1,000                   2,000  2.00×
  p50                                   980 µs                  245 µs  4.00×
  p99                                  15.3 ms                 1.02 ms  15.0×
  p99.9                                30.6 ms                 2.04 ms
  major faults                           1,000                   1,000
  pages in                               2,000                   4,000
  page-ins/s                               200                     800  4.00×
  processors busy                          88%                     88%
  switches per page-in                    4.50                    2.25
  CPU of workload        500 µs, 1.00 switches   250 µs, 0.50 switches
  CPU of nbdkit          250 µs, 2.00 switches                       –
  CPU of donor                               –   125 µs, 1.00 switches
  CPU of all else                         1 ms                  500 µs
whole run
  pages in                             123,456                 123,456
  pages out                             65,432                  65,432
  pages swept                           65,536                  65,536
  mismatches                                 0                       0
pages at the end
  on donors only                             –                       0
  on donors and disk                         –                      30
  on disk only                               –                       5
  unused                                     –                      65
  lost                                       –                       0
  on donor a                                 –           15 in 2 slabs
  on donor b                                 –           15 in 1 slabs
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestCompareTakesMedians(t *testing.T) {
	runs := []PagingResult{
		result("disk", 10, 100, 1000, 9000), result("far", 5, 500, 100, 200),
		result("disk", 30, 300, 3000, 7000), result("far", 4, 600, 101, 201),
		result("disk", 20, 200, 2000, 8000),
	}
	runs[2].Mismatches, runs[2].Phases[0].Mismatches = 3, 2
	runs[4].Mismatches, runs[4].Phases[0].Mismatches = 4, 1
	c, err := Compare(runs)
	if err != nil {
		t.Fatal(err)
	}
	disk, far := c.Backends[0], c.Backends[1]
	if len(c.Backends) != 2 || c.Runs[0] != 3 || c.Runs[1] != 2 || disk.FillSeconds != 20 || far.FillSeconds != 4 ||
		disk.Phases[0].P50NS != 2000 || disk.Phases[0].P99NS != 8000 || far.Phases[0].AccessesPerSecond != 500 {
		t.Errorf("%+v", c)
	}
	if disk.Mismatches != 7 || disk.Phases[0].Mismatches != 3 {
		t.Errorf("mismatches are hidden: %+v", disk)
	}
	if r := c.Ratios[1]; r.Fill != 5 || r.Phases[0].Accesses != 2.5 || r.Phases[0].P50 != 20 || r.Phases[0].P99 != 40 {
		t.Errorf("%+v", r)
	}
}

func TestCompareRefuses(t *testing.T) {
	base := result("disk", 1, 1, 1, 1)
	other := base
	other.Size *= 2
	shorter := base
	shorter.Phases = nil
	for name, results := range map[string][]PagingResult{
		"nothing": nil, "another size": {base, other}, "a run cut short": {base, shorter},
	} {
		if _, err := Compare(results); !errors.Is(err, ErrDifferent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(1000), "1,000"},
		{grouped(-1234567), "-1,234,567"},
		{grouped(-123), "-123"},
		{nanoseconds(0), "0 ns"},
		{nanoseconds(999), "999 ns"},
		{nanoseconds(1000), "1 µs"},
		{nanoseconds(1234), "1.23 µs"},
		{nanoseconds(99_960), "100 µs"},
		{nanoseconds(999_600), "1.00 ms"},
		{nanoseconds(12_345_678), "12.3 ms"},
		{nanoseconds(2_500_000_000_000), "2500 s"},
		{byteSize(512 << 20), "512 MiB"},
		{byteSize(3 << 29), "1.50 GiB"},
		{times(0), "–"},
		{times(0.333), "0.33×"},
		{times(12.34), "12.3×"},
		{times(1234.5), "1,235×"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
