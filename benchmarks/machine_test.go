package benchmarks

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestParseProcessStat(t *testing.T) {
	const tail = " S 80 0 0 0 -1 4194304 79 0 3 0 120 34 0 0 20 0 1 0 86 2674688"
	for name, c := range map[string]struct {
		text string
		want float64
		bad  bool
	}{
		"plain":           {text: "83 (cat)" + tail, want: 1.54},
		"odd name":        {text: "83 (a) b (c) 1 2)" + tail, want: 1.54},
		"empty":           {bad: true},
		"no name":         {text: "83 cat" + tail, bad: true},
		"cut short":       {text: "83 (cat) S 80 0 0", bad: true},
		"not a number":    {text: "83 (cat) S 80 0 0 0 -1 4194304 79 0 3 0 x 34 0", bad: true},
		"not two numbers": {text: "83 (cat) S 80 0 0 0 -1 4194304 79 0 3 0 12 - 0", bad: true},
	} {
		got, err := parseProcessStat([]byte(c.text))
		if (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("cpu  100 50 200 1000 500 10 40 7 0 0\ncpu0 1 1 1 1 1 1 1\nintr 5\nctxt 9876\nbtime 1\n"))
	want := MachineUsage{UserSeconds: 1.5, SystemSeconds: 2, InterruptSeconds: 0.5, IdleSeconds: 15, Switches: 9876}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got.Busy() != 4.0/19 || (MachineUsage{}).Busy() != 0 {
		t.Errorf("busy: %v", got.Busy())
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7\n", "cpu a 2 3 4 5 6 7\n"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParseStats(f *testing.F) {
	f.Add([]byte("83 (cat) S 80 0 0 0 -1 4194304 79 0 3 0 120 34 0"))
	f.Add([]byte("cpu  100 50 200 1000 500 10 40\nctxt 9\n"))
	f.Add([]byte(")"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = parseProcessStat(text)
		_, _ = parseStat(text)
		_, _, _ = parseVMStat(text)
	})
}

func TestUsageIsRecorded(t *testing.T) {
	cfg := config()
	cfg.Patterns, cfg.Ops, cfg.Duration = []Pattern{Uniform}, 0, 50*time.Millisecond
	cfg.Watch = []Process{{Name: "parent", PID: os.Getppid()}}
	r, err := RunPaging(context.Background(), cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Phases[0]
	if len(p.Processes) != 2 || p.Processes[0].Name != workloadName || p.Processes[1].Name != "parent" {
		t.Fatalf("%+v", p.Processes)
	}
	if p.Processes[0].CPUSeconds <= 0 || p.Machine.Busy() <= 0 {
		t.Errorf("%+v, %+v", p.Processes, p.Machine)
	}

	cfg.Watch = []Process{{Name: "nobody", PID: 1 << 30}}
	if _, err := RunPaging(context.Background(), cfg, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a process that is not there: %v", err)
	}
}

func TestRunPagingOutWithoutSweep(t *testing.T) {
	cfg := config()
	cfg.PageOut, cfg.NoSweep = true, true
	if r, err := RunPaging(context.Background(), cfg, io.Discard); err != nil || r.SweptPages != 0 || len(r.Phases) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
