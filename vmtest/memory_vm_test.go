//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// idleLocked is what the server of an idle device of 1 GiB with one queue of depth 64 may
// have locked, in bytes, probes included. Of that 16 MiB are the queue's buffers (64 of
// the tags and 64 spare ones, of 128 KiB), and 2 MiB the map.
const idleLocked = 48 << 20

// lockedMemory holds what the server has locked against its bound, by the kernel's own
// figure, and what status says against the kernel.
func lockedMemory(w *World) {
	d := w.Swap("1G", w.donors(1, "128M"), "--slab", "64M", "--queues", "1", "--depth", "64", "--probes", "on")
	m := d.Status().Memory
	rollup := w.rollup(d.PID())
	w.Logf("locked %s of %s in RAM; status says %s:", mebibytes(rollup["Locked"]), mebibytes(rollup["Rss"]), mebibytes(m.Locked))
	var sum int64
	for _, part := range m.LockedFor.Parts() {
		w.Logf("%10s %s", part.Purpose, mebibytes(part.Bytes))
		sum += part.Bytes
	}
	if rollup["Locked"] > idleLocked {
		w.Errorf("the server has locked %s, want at most %s", mebibytes(rollup["Locked"]), mebibytes(idleLocked))
	}
	if sum != m.Locked {
		w.Errorf("the parts add up to %d bytes, not to %d", sum, m.Locked)
	}
	// The heap moves by some pages between the two looks.
	if difference := math.Abs(float64(m.Locked - rollup["Locked"])); difference > 2<<20 {
		w.Errorf("status says %s, smaps_rollup %s", mebibytes(m.Locked), mebibytes(rollup["Locked"]))
	}
	if m.LockedFor.Buffers < 16<<20 || m.LockedFor.Map < 2<<20 || m.LockedFor.Program < 4<<20 || m.LockedFor.Heap == 0 {
		w.Errorf("too little of something: %+v", m.LockedFor)
	}
	if text := w.Must("farswap", "ublk", "status", d.ID()); !strings.Contains(text, " locked (") || !strings.Contains(text, "buffers 16") {
		w.Errorf("status does not say what memory is locked for:\n%s", text)
	}
	d.noFaults()
	d.Stop()
}

// noFaults: while the kernel swaps to the device, the server reads no page of the program
// or of a library from a disk, and its threads touch next to no new memory.
func (d *Device) noFaults() {
	d.w.Helper()
	minor, major := d.faults()
	d.SwapOn()
	r := d.w.Page(pagingSize, pagingLimit, "--duration", d.w.Shorten(5*time.Second).String()).Check(2 * time.Minute)
	d.SwapOff()
	minorAfter, majorAfter := d.faults()
	d.w.Logf("%d pages swapped in; the server touched %d new pages", r.PswpIn, minorAfter-minor)
	if majorAfter != major {
		d.w.Errorf("the server has waited for a disk %d times to get at its own memory", majorAfter-major)
	}
}

// faults are the page faults of the server so far: those that found or made a page in
// memory, and those that read one from a disk.
func (d *Device) faults() (minor, major int64) {
	d.w.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.PID()))
	if err != nil {
		d.w.Fatal(err)
	}
	// The name, in parentheses, may have spaces. The eighth field after it is minflt, the
	// tenth majflt, see proc_pid_stat(5).
	fields := strings.Fields(string(stat[strings.LastIndex(string(stat), ")")+1:]))
	minor, err1 := strconv.ParseInt(fields[7], 10, 64)
	major, err2 := strconv.ParseInt(fields[9], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		d.w.Fatalf("%q: %v", stat, err)
	}
	return minor, major
}

// rollup are the sums of /proc/PID/smaps_rollup in bytes.
func (w *World) rollup(pid int) map[string]int64 {
	w.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		w.Fatal(err)
	}
	sums := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 3 && words[2] == "kB" {
			kib, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				w.Fatalf("%q: %v", line, err)
			}
			sums[strings.TrimSuffix(words[0], ":")] = kib << 10
		}
	}
	for _, name := range []string{"Locked", "Rss"} {
		if sums[name] == 0 {
			w.Fatalf("no %s of process %d:\n%s", name, pid, text)
		}
	}
	return sums
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
