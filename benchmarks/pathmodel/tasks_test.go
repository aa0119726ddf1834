package pathmodel

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func allCPUs(t *testing.T) (set unix.CPUSet) {
	t.Helper()
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestParseTasks(t *testing.T) {
	if cpu, err := parseSchedstat([]byte("5221513 6408277 14\n")); err != nil || cpu != 5221513*time.Nanosecond {
		t.Errorf("%v, %v", cpu, err)
	}
	if n, err := parseSwitches([]byte("Name:\tx\nvoluntary_ctxt_switches:\t41\nnonvoluntary_ctxt_switches:\t1\n")); err != nil || n != 42 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "x 1 2"} {
		if _, err := parseSchedstat([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for _, bad := range []string{"", "voluntary_ctxt_switches:\t1\n", "voluntary_ctxt_switches:\tx\nnonvoluntary_ctxt_switches:\t1\n"} {
		if _, err := parseSwitches([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// TestTasksOfThisProcess: this thread is one of them, and has used something.
func TestTasksOfThisProcess(t *testing.T) {
	tasks, err := tasksOf(os.Getpid())
	if err != nil || len(tasks) == 0 {
		t.Fatalf("%v, %v", tasks, err)
	}
	all, err := readTasks(tasks)
	if err != nil {
		t.Fatal(err)
	}
	if sum := difference(nil, all); sum.cpu <= 0 || sum.switches <= 0 {
		t.Errorf("%+v", sum)
	}
	if u, err := (task{os.Getpid(), 1 << 30}).read(); err != nil || u != (used{}) {
		t.Errorf("a thread that is gone: %+v, %v", u, err)
	}
	if _, err := tasksOf(1 << 30); err == nil {
		t.Error("a process that is gone has threads")
	}
}

// TestDifference: a thread that began in between counts in whole, one that ended does not.
func TestDifference(t *testing.T) {
	before := map[task]used{{1, 1}: {10, 1, 0}, {1, 2}: {20, 2, 0}}
	after := map[task]used{{1, 1}: {15, 3, 0}, {1, 3}: {7, 4, 0}}
	if got := difference(before, after); got != (used{12, 6, 0}) {
		t.Errorf("%+v", got)
	}
}
