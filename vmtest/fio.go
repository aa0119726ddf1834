package vmtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Fio is one run of fio that writes with checksums and reads all of it back.
// Each job has an area of its own, so that what a block holds is known.
type Fio struct {
	Name    string
	RW      string // write or randwrite; trimwrite or randtrimwrite trims each block before it is written
	Block   string // size of a request, such as 4k or 1m
	Depth   int    // requests in flight per job
	Jobs    int
	PerJob  int // bytes of a job's area
	Timeout time.Duration
	Options []string // more of fio's own
}

// Verify runs it on a device. Any wrong or failed block fails the test.
func (w *World) Verify(path string, f Fio) FioResult {
	w.Helper()
	r, err := w.fio(path, f).result(f.Timeout)
	if err != nil {
		w.Fatalf("fio %s: %v", f.Name, err)
	}
	w.Logf("fio %-28s wrote %4d MiB at %6.0f IOPS, read %4d MiB at %6.0f IOPS", f.Name,
		r.Write.Bytes>>20, r.Write.IOPS, r.Read.Bytes>>20, r.Read.IOPS)
	return r
}

// runningFio is a fio that has begun.
type runningFio struct{ *Process }

func (w *World) fio(path string, f Fio) runningFio {
	w.Helper()
	argv := []string{
		"fio", "--name=" + f.Name, "--filename=" + path, "--output-format=json", "--group_reporting",
		"--ioengine=libaio", "--direct=1", "--thread", "--rw=" + f.RW, "--bs=" + f.Block,
		"--iodepth=" + strconv.Itoa(f.Depth), "--numjobs=" + strconv.Itoa(f.Jobs),
		"--size=" + strconv.Itoa(f.PerJob), "--offset_increment=" + strconv.Itoa(f.PerJob),
		"--verify=crc32c", "--verify_fatal=1", "--do_verify=1",
	}
	return runningFio{w.Start(nil, append(argv, f.Options...)...)}
}

// FioResult is what fio measured, over all jobs.
type FioResult struct {
	Error int     `json:"error"` // errno of the first failure
	Read  FioSide `json:"read"`
	Write FioSide `json:"write"`
	Trim  FioSide `json:"trim"`
}

// FioSide is one direction.
type FioSide struct {
	Bytes int64   `json:"io_bytes"`
	IOPS  float64 `json:"iops"`
	IOs   int64   `json:"total_ios"`
}

func (p runningFio) result(timeout time.Duration) (FioResult, error) {
	r := p.Wait(timeout)
	if r.Code != 0 {
		return FioResult{}, fmt.Errorf("exit code %d: %s", r.Code, tail(r.Stderr, 10))
	}
	return parseFio(r.Stdout)
}

// errFio is an output that does not show success.
var errFio = errors.New("output of fio")

// parseFio reads the output of one group of jobs. Warnings may stand before
// the JSON.
func parseFio(text string) (FioResult, error) {
	start := strings.Index(text, "{\n")
	if start < 0 {
		return FioResult{}, fmt.Errorf("%w: no JSON: %q", errFio, tail(text, 3))
	}
	var out struct {
		Jobs []FioResult `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(text[start:]), &out); err != nil {
		return FioResult{}, fmt.Errorf("%w: %w", errFio, err)
	}
	switch {
	case len(out.Jobs) != 1:
		return FioResult{}, fmt.Errorf("%w: %d groups of jobs, want one", errFio, len(out.Jobs))
	case out.Jobs[0].Error != 0:
		return out.Jobs[0], fmt.Errorf("%w: a job ended with errno %d", errFio, out.Jobs[0].Error)
	}
	return out.Jobs[0], nil
}
