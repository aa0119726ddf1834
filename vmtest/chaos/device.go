package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/farswap/farswap/status"
)

// deviceSize is that of the device that swaps, in bytes: it has room for all pages.
const deviceSize = 64 << 20

// ownRAM is what the workload needs beside its pages, in bytes, measured.
const ownRAM = 7 << 20

// leastRounds is how many rounds are played however slow the machine is: one of them is a pair.
const leastRounds = pairEvery

// Times that what is waited for may take. An emulated machine on a busy host is slow.
const (
	settleTime = 2 * time.Minute
	warmTime   = 15 * time.Second
	sweepTime  = 4 * time.Minute
	swapTime   = 4 * time.Minute
)

// deviceMachine has the device and the workload, and plays the rounds.
type deviceMachine struct {
	seed      uint64
	size      int64 // of the workload's pages, in bytes
	only      [][]Kind
	length    time.Duration // from the boot of the machine to the end of the faults
	out       string
	disk      *disk
	server    *server
	program   *program
	direct    *direct
	kernel    *kernelLog
	available map[Kind]bool

	mu      sync.Mutex // guards what follows
	records []record   // a round is here from its begin on
	missing map[Kind]int
}

// limit is how many bytes of RAM the workload may have: half of its pages swap.
func (m *deviceMachine) limit() int64 { return m.size/2 + ownRAM }

// runDevice is the machine of the device. It ends with the outcome.
func runDevice(args []string) error {
	flags := flag.NewFlagSet("device", flag.ContinueOnError)
	m := &deviceMachine{out: os.Getenv("OUT"), missing: map[Kind]int{}}
	flags.Uint64Var(&m.seed, "seed", 1, "what all follows from")
	flags.DurationVar(&m.length, "for", 3*time.Minute, "how long after the machine's boot faults end")
	flags.Int64Var(&m.size, "size", 16<<20, "bytes of the workload's pages")
	certs := flags.String("certs", "", "folder of identities")
	only := flags.String("only", "", "rounds that are played in turns")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rounds, err := parseOnly(*only)
	if err != nil {
		return err
	}
	m.only = rounds
	err = errors.Join(ownPrograms(), protect(), m.network())
	if err == nil {
		err = m.prepare(*certs)
	}
	if err == nil {
		go m.watch()
		err = m.play()
	}
	took := time.Duration(0)
	if err == nil {
		took, err = m.finish()
	}
	return m.tell(err, took)
}

// network joins the links.
func (m *deviceMachine) network() error {
	return runAll(
		"modprobe -a virtio_net sch_netem",
		"ip address add "+deviceAddress+"/24 dev eth0",
		"ip link set eth0 mtu "+pageMTU+" up",
		"ip address add "+ownAgentSide+"/24 dev eth1",
		"ip link set eth1 up",
	)
}

// prepare makes the device, has it swap, and starts the workload.
func (m *deviceMachine) prepare(certs string) error {
	m.available = map[Kind]bool{}
	for _, k := range kinds {
		m.available[k] = true
	}
	m.available[DonorUpgrade] = hasCommand("donor", "upgrade")
	m.available[ServerKill] = hasCommand("ublk", "recover")
	m.available[Upgrade] = hasCommand("ublk", "upgrade")
	var err error
	if m.kernel, err = followKernel(); err != nil {
		return err
	}
	if m.disk, err = makeDisk("/dev/vda", deviceSize); err != nil {
		return err
	}
	m.phase("waiting for the donors")
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if _, err = ask(order{Do: "ready"}, time.Minute); err == nil {
			break
		} else if time.Now().After(end) {
			return fmt.Errorf("the donors' machine is not ready: %w", err)
		}
	}
	m.phase("the device, swap and the workload")
	if m.server, err = startServer("swapping", m.out, certs, m.disk.path, deviceSize); err != nil {
		return err
	}
	if m.direct, err = startDirect(m.out, certs, filepath.Join(m.disk.folder, "direct"), m.seed); err != nil {
		return err
	}
	if err := runAll("mkswap "+m.server.path, "swapon --discard=pages "+m.server.path); err != nil {
		return err
	}
	m.program, err = startProgram(filepath.Join(m.out, "workload.log"), m.size, m.limit(), m.seed)
	if err != nil {
		return err
	}
	m.phase("every page is written and verified")
	if err := m.program.sweep(sweepTime); err != nil { // also: every page was written
		return err
	}
	_, err = m.settle(true)
	return err
}

// play plays rounds until their time is over.
func (m *deviceMachine) play() error {
	m.phase("faults")
	schedule := newSchedule(m.seed)
	schedule.only = m.only
	can := func(k Kind) bool { return m.available[k] }
	if len(m.only) > 0 && !slices.ContainsFunc(m.only, func(r []Kind) bool { return slices.ContainsFunc(r, can) }) {
		return fmt.Errorf("%q: %w", m.only, errMissing)
	}
	for monotonic() < m.length || len(m.played()) < leastRounds {
		if err := m.playRound(m.possible(schedule.Next())); err != nil {
			return err
		}
		if err := m.direct.failure(); err != nil {
			return err
		}
		if s := judge(m.played(), m.program.said(), nil); s.Wrong > 0 {
			return errors.New("a page is wrong")
		}
	}
	return nil
}

// possible is a round without what is not available, which is counted.
func (m *deviceMachine) possible(r Round) (left Round) {
	for _, f := range r {
		if m.available[f.Kind] {
			left = append(left, f)
			continue
		}
		m.mu.Lock()
		m.missing[f.Kind]++
		m.mu.Unlock()
	}
	return left
}

// playRound plays a round, and waits until the device is well.
func (m *deviceMachine) playRound(r Round) error {
	if len(r) == 0 {
		return nil
	}
	before, err := m.server.status()
	if err != nil {
		return err
	}
	rec := record{
		Round: r, Begun: monotonic(), Ended: 1 << 62, Settled: 1 << 62, // until it is known
		Exposure: exposure{Remote: before.Scrub.Lacking - before.Pages.Lost, Backing: before.Pages.Backing},
	}
	m.phase("%v", r)
	m.keep(rec, true)
	var (
		group   sync.WaitGroup
		errs    = make([]error, len(r))
		flipped = make([]int64, len(r))
	)
	for i, f := range r {
		group.Go(func() {
			time.Sleep(f.After)
			flipped[i], errs[i] = m.inject(f)
		})
	}
	group.Wait()
	rec.Ended = monotonic()
	for i := range r {
		rec.Flipped += flipped[i]
	}
	m.keep(rec, false)
	var after status.Device
	err = errors.Join(errs...)
	if err == nil {
		after, err = m.settle(false)
	}
	if rec.Lost = after.Pages.Lost - before.Pages.Lost; err == nil && rec.Lost > 0 {
		err = m.program.sweep(sweepTime) // meets the pages that are lost
	}
	if rec.Settled = monotonic(); err != nil {
		rec.Failure = err.Error()
	}
	m.keep(rec, false)
	return err
}

// keep remembers a round, or what has become of the last one.
func (m *deviceMachine) keep(rec record, anew bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if anew {
		m.records = append(m.records, rec)
	}
	m.records[len(m.records)-1] = rec
}

// played are the rounds so far.
func (m *deviceMachine) played() []record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]record(nil), m.records...)
}

// settle waits until the device is well, and for a while until donors have all pages again: else a fault of the disk
// meets pages that are in the backing file only.
func (m *deviceMachine) settle(warm bool) (s status.Device, err error) {
	begun := monotonic()
	for ; ; time.Sleep(100 * time.Millisecond) {
		s, err = m.server.status()
		past := monotonic() - begun
		switch {
		case err == nil && well(s, past < warmTime):
			return s, nil
		case past < settleTime:
		case err != nil:
			return s, err
		default:
			return s, fmt.Errorf("the device is not well after %v: %s", settleTime, describe(s))
		}
	}
}

// describe says what a device lacks.
func describe(s status.Device) string {
	var donors []string
	for _, d := range s.Donors {
		donors = append(donors, d.Name+" "+d.State+" "+d.Error)
	}
	return fmt.Sprintf("donors %q, backing file works %t, pages %+v, scrubbed %+v, degraded %q", donors, s.BackingOK, s.Pages, s.Scrub, s.Reason)
}

// finish ends the faults' run: every page is verified, before and after swap goes off, and again after it went on. It
// returns how long swapoff took.
func (m *deviceMachine) finish() (time.Duration, error) {
	if _, err := m.settle(false); err != nil {
		return 0, err
	}
	m.phase("no more faults: every page is verified")
	sweep := func() error { return m.program.sweep(sweepTime) }
	swapOff := func() error { return within(swapTime, "swapoff", m.server.path) }
	phase := func(text string) func() error {
		return func() error { m.phase("%s", text); return nil }
	}
	limit := func(to string) func() error {
		return func() error { return m.program.setLimit(to) }
	}
	var took time.Duration
	err := inOrder(
		sweep,
		phase("swapoff"),
		limit("max"), // or swapoff would have no place for the pages
		func() error {
			begun := monotonic()
			defer func() { took = monotonic() - begun }()
			return swapOff()
		},
		phase("all pages are in memory, and verified"),
		sweep,
		phase("swapon"),
		func() error { return within(swapTime, "swapon", "--discard=pages", m.server.path) },
		limit(strconv.FormatInt(m.limit(), 10)),
		sweep,
		phase("the workload ends, then swap and the device"),
		func() error { return m.program.end(time.Minute) },
		swapOff,
		m.direct.end,
		m.server.stop,
		m.direct.server.stop,
	)
	return took, err
}

// inOrder does one thing after the other, until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// watch ends the run when a page hangs.
func (m *deviceMachine) watch() {
	for ; ; time.Sleep(time.Second) {
		now := monotonic()
		since, stuck := m.program.stuckSince()
		if stuck && beyond(m.played(), since, now) > longestHang {
			_ = os.WriteFile("/proc/sysrq-trigger", []byte("w"), 0) // what waits, into the kernel's log
			err := m.tell(fmt.Errorf("hang: the workload waits for a page since %v", (now-since).Round(time.Second)), 0)
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// tell writes the outcome. The error is that of the run, or what is wrong with it.
func (m *deviceMachine) tell(err error, swapOff time.Duration) error {
	records := m.played()
	var (
		lines  []said
		errors []kernelLine
	)
	if m.program != nil {
		lines = m.program.said()
	}
	if m.kernel != nil {
		errors = m.kernel.seen()
	}
	r := judge(records, lines, errors)
	r.Seed, r.Kernel, r.Seconds, r.SwapOff = m.seed, os.Getenv("VM_KERNEL"), int(monotonic().Seconds()), swapOff.Milliseconds()
	m.mu.Lock()
	r.NotAvailable = m.missing
	m.mu.Unlock()
	if m.direct != nil {
		r.Direct = m.direct.done.Load()
	}
	if err != nil {
		r.fail("%v", err)
		r.Good = false
	}
	if m.server != nil {
		if s, err := m.server.status(); err == nil {
			text, _ := json.MarshalIndent(s, "", " ") // a status can be encoded
			_ = os.WriteFile(filepath.Join(m.out, "status.json"), text, 0o644)
		}
	}
	_, _ = ask(order{Do: "stop"}, time.Minute) // its machine is ended in any case
	if !r.Good {
		fmt.Printf("seed %d. History, in seconds from the first fault:\n", r.Seed)
		history(os.Stdout, records)
	}
	r.table(os.Stdout)
	if err := r.line(os.Stdout); err != nil {
		return err
	}
	if !r.Good {
		return fmt.Errorf("%d failures; logs are in %s", len(r.Failures), m.out)
	}
	return nil
}

// phase tells what comes next, on standard output and in the kernel's log.
func (m *deviceMachine) phase(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	fmt.Printf("%6.1f s: %s\n", monotonic().Seconds(), text)
	_ = os.WriteFile("/dev/kmsg", []byte("<5>chaos: "+text+"\n"), 0) // the log is a help only
}
