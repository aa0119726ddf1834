package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// errUsage is a command line that makes no sense.
var errUsage = errors.New("usage: chaos [--minutes N] [--seed S] [--kernel SERIES] [--only FAULT[+FAULT],…]")

// host starts the two machines, and waits for the outcome.
type host struct {
	repo, certs, links string
	kernel             string
	seed               uint64
	minutes            int
	only               string
}

// runHost is the program on the machine of whoever tests.
func runHost(args []string) error {
	h := &host{}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	flags.IntVar(&h.minutes, "minutes", 3, "how many minutes after the boot of the machines faults end")
	flags.Uint64Var(&h.seed, "seed", 1, "what faults, times and places follow from")
	flags.StringVar(&h.kernel, "kernel", "6.12", "series of the kernel")
	flags.StringVar(&h.only, "only", "", "these rounds in turns, instead of random ones: faults with commas between, a plus between two at the same time")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if _, err := parseOnly(h.only); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if h.minutes < 1 || flags.NArg() > 0 {
		return fmt.Errorf("%w: want a whole number of minutes from 1 on, and nothing else", errUsage)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	h.repo = filepath.Dir(filepath.Dir(filepath.Dir(self))) // it lies in .cache/bin
	if err := os.MkdirAll(filepath.Join(h.repo, ".cache/run"), 0o755); err != nil {
		return err
	}
	h.certs, err = os.MkdirTemp(filepath.Join(h.repo, ".cache/run"), "chaos.") // the machines see this folder
	if err != nil {
		return err
	}
	defer os.RemoveAll(h.certs)
	h.links, err = os.MkdirTemp("", "chaos.") // the names of sockets are short
	if err != nil {
		return err
	}
	defer os.RemoveAll(h.links)
	if err := h.identities(); err != nil {
		return err
	}
	programs := filepath.Join(h.certs, "bin")
	if err := h.copyPrograms(programs); err != nil {
		return err
	}
	return h.machines(filepath.Join(programs, filepath.Base(self)))
}

// copyPrograms puts the programs into a folder: a build while the machines run would change them under their processes.
func (h *host) copyPrograms(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	bin := filepath.Join(h.repo, ".cache/bin")
	_, err := run("cp", filepath.Join(bin, "farswap"), filepath.Join(bin, "farswapd"), filepath.Join(bin, "chaos"), dir)
	return err
}

// identities makes an authority, and the certificates of the device and the donors.
func (h *host) identities() error {
	ca := filepath.Join(h.certs, "ca")
	farswap := filepath.Join(h.repo, ".cache/bin/farswap")
	all := [][]string{
		{"cert", "init", ca},
		{"cert", "issue", "--ca", ca, "--role", "device", "--name", "device", filepath.Join(h.certs, "device")},
	}
	for n := 1; n <= donorCount; n++ {
		all = append(all, []string{
			"cert", "issue", "--ca", ca, "--role", "donor", "--name", donorName(n), "--host", proxyHost(n),
			filepath.Join(h.certs, donorName(n)),
		})
	}
	for _, argv := range all {
		if _, err := run(append([]string{farswap}, argv...)...); err != nil {
			return err
		}
	}
	return nil
}

// machines boots both machines. The donors' ends when the device's does.
func (h *host) machines(self string) error {
	out := os.Getenv("OUT")
	if out == "" {
		out = filepath.Join(h.repo, "out/chaos", time.Now().Format("20060102-150405"))
	}
	seed := strconv.FormatUint(h.seed, 10)
	limit := strconv.Itoa(h.minutes*60 + 900)
	donors := h.vm(filepath.Join(out, "donors"), "b", "--mem", "448M", "--cpus", "1", "--time", limit, self, "donors",
		"-certs", h.certs, "-seed", seed)
	size := 16 << 20
	if h.minutes > 5 { // an emulated machine takes a minute to verify so much
		size *= 2
	}
	device := h.vm(filepath.Join(out, "device"), "a", "--mem", "448M", "--cpus", "2", "--time", limit, "--disk", "160M", self, "device",
		"-certs", h.certs, "-seed", seed, "-size", strconv.Itoa(size), "-only", h.only, "-for", strconv.Itoa(h.minutes*60)+"s")
	err := together(device, donors)
	if err != nil {
		return fmt.Errorf("chaos with seed %d on %s: %w; logs are in %s", h.seed, h.kernel, err, out)
	}
	return nil
}

// together runs both machines. The donors' has to end soon after the device's, and not before it.
func together(device, donors *exec.Cmd) error {
	if err := donors.Start(); err != nil {
		return err
	}
	if err := device.Start(); err != nil {
		_ = donors.Process.Signal(syscall.SIGTERM) // ends the machine, too
		return errors.Join(err, donors.Wait())
	}
	deviceDone, donorsDone := make(chan error, 1), make(chan error, 1)
	go func() { deviceDone <- device.Wait() }()
	go func() { donorsDone <- donors.Wait() }()
	select {
	case err := <-deviceDone:
		select {
		case donorsErr := <-donorsDone:
			return errors.Join(err, donorsErr)
		case <-time.After(time.Minute):
			_ = donors.Process.Signal(syscall.SIGTERM)
			return errors.Join(err, <-donorsDone, errors.New("the donors' machine has not ended"))
		}
	case err := <-donorsDone:
		select {
		case deviceErr := <-deviceDone:
			return errors.Join(deviceErr, err)
		case <-time.After(time.Minute):
			_ = device.Process.Signal(syscall.SIGTERM)
			return errors.Join(errors.New("the donors' machine has ended too early"), err, <-deviceDone)
		}
	}
}

// vm is a virtual machine at one end, a or b, of both links.
func (h *host) vm(out, end string, args ...string) *exec.Cmd {
	all := []string{"--kernel", h.kernel}
	for _, link := range []string{"pages", "orders"} {
		all = append(all, "--link", filepath.Join(h.links, link)+","+end)
	}
	cmd := exec.Command(filepath.Join(h.repo, "vmtest/vm/vm"), append(all, args...)...)
	cmd.Env = append(os.Environ(), "OUT="+out)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}
