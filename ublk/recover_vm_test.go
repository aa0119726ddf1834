//go:build vm

package ublk_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

// serveFile is the variable that makes this program a server of a device, which it says how to
// make: FILE of the disk, and ID of the device to recover, -1 to add one.
const serveFile = "UBLK_TEST_SERVE"

func TestMain(m *testing.M) {
	if what := os.Getenv(serveFile); what != "" {
		if err := serveUntilGone(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const recoverSize = 4 << 20

func recoverSpec(id int) ublk.Spec {
	return ublk.Spec{ID: id, Size: recoverSize, Depth: 16, MaxIO: 64 << 10, Recovery: ublk.RecoverReissue}
}

// serveUntilGone serves a disk that outlives this process, and prints the device's number once it takes
// I/O. It ends when the device is stopped.
func serveUntilGone(what string) error {
	path, text, _ := strings.Cut(what, " ")
	id, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	disk, err := mapDisk(path)
	if err != nil {
		return err
	}
	control, err := ublk.OpenControl()
	if err != nil {
		return err
	}
	get := ublk.Recover
	if id < 0 {
		get = ublk.Add
	}
	d, err := get(control, recoverSpec(id))
	if err != nil {
		return err
	}
	if err := d.Start(disk); err != nil {
		return err
	}
	fmt.Println(d.ID())
	<-d.Done()
	return d.Err()
}

// mapDisk maps a file that is the content of a RAM disk.
func mapDisk(path string) (ramDisk, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(recoverSize); err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, recoverSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// server starts a process that serves a device, and returns it and the device's number.
func server(t *testing.T, path string, id int) (*exec.Cmd, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), fmt.Sprintf("%s=%s %d", serveFile, path, id)), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	got, numErr := strconv.Atoi(strings.TrimSpace(line))
	if err = errors.Join(err, numErr); err != nil {
		t.Fatal(errors.Join(err, cmd.Process.Kill(), cmd.Wait()))
	}
	return cmd, got
}

// load writes blocks of a device and reads them again, until it is told to stop. It returns how many it has
// written, and the longest time that one took.
func load(path string, stop <-chan struct{}) (written int, longest time.Duration, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	mem, err := offheap.Map(2*4096, offheap.Options{}) // O_DIRECT needs it aligned
	if err != nil {
		return 0, 0, err
	}
	out, in := mem[:4096], mem[4096:]
	for ; ; written++ {
		select {
		case <-stop:
			return written, longest, offheap.Unmap(mem)
		default:
		}
		for i := 0; i < len(out); i += 8 {
			binary.NativeEndian.PutUint64(out[i:], uint64(written)<<16+uint64(i))
		}
		at, began := int64(written%(recoverSize/4096))*4096, time.Now()
		if _, err := file.WriteAt(out, at); err != nil {
			return written, longest, err
		}
		if _, err := file.ReadAt(in, at); err != nil {
			return written, longest, err
		}
		if !bytes.Equal(in, out) {
			return written, longest, fmt.Errorf("block %d is not what was written", written)
		}
		longest = max(longest, time.Since(began))
	}
}

// Servers are killed under load, and each next one takes the device over: programs see a pause.
func TestKernelRecoversADevice(t *testing.T) {
	ublktest.NeedKernel(t, recoverSpec(-1).Features())
	path := filepath.Join(t.TempDir(), "disk")
	cmd, id := server(t, path, -1)
	stop, ended := make(chan struct{}), make(chan error, 1)
	var written int
	var longest time.Duration
	go func() {
		var err error
		written, longest, err = load(ublk.BlockPath(id), stop)
		ended <- err
	}()
	const kills = 10
	for range kills {
		time.Sleep(100 * time.Millisecond) // some load before the next
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		cmd, _ = server(t, path, id)
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("%d blocks written while %d servers were killed; the longest pause was %v", written, kills, longest)
	if written < kills {
		t.Errorf("%d blocks were written", written)
	}
	control, err := ublk.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(control.Stop(id), cmd.Wait()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(control.Delete(id), control.Close()); err != nil {
		t.Error(err)
	}
}

// What cannot be taken over is refused, and stays as it is.
func TestKernelRefusesToRecover(t *testing.T) {
	ublktest.NeedKernel(t, recoverSpec(-1).Features())
	control, err := ublk.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	mortal := recoverSpec(-1)
	mortal.Recovery = ublk.RecoverNone
	lives := ublktest.Serve(t, make(ramDisk, recoverSize), recoverSpec(-1))
	ends := ublktest.Serve(t, make(ramDisk, recoverSize), mortal)
	larger, deeper := recoverSpec(lives.ID()), recoverSpec(lives.ID())
	larger.Size *= 2
	deeper.Depth *= 2
	for name, tt := range map[string]struct {
		spec ublk.Spec
		want error
	}{
		"a server that lives":     {recoverSpec(lives.ID()), ublk.ErrInUse},
		"another size":            {larger, ublk.ErrSpec},
		"another depth":           {deeper, ublk.ErrSpec},
		"another recovery":        {ublk.Spec{ID: lives.ID(), Size: recoverSize, Depth: 16, MaxIO: 64 << 10, Recovery: ublk.RecoverQueue}, ublk.ErrSpec},
		"a device without":        {recoverSpec(ends.ID()), ublk.ErrState},
		"no device":               {recoverSpec(ublk.MaxID), ublk.ErrNoDevice},
		"no specification at all": {ublk.Spec{ID: lives.ID()}, ublk.ErrSpec},
	} {
		if _, err := ublk.Recover(control, tt.spec); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	stop := make(chan struct{})
	close(stop)
	if _, _, err := load(lives.Path(), stop); err != nil {
		t.Error(err)
	}
}

// badTarget opens no queue.
type badTarget struct{}

var errBadTarget = errors.New("no queue today")

func (badTarget) OpenQueue(*ublk.Queue) (ublk.Server, error) { return nil, errBadTarget }

// A recovery that fails leaves the device for the next one, and what waits, waits on.
func TestKernelRecoversAfterAFailedRecovery(t *testing.T) {
	ublktest.NeedKernel(t, recoverSpec(-1).Features())
	path := filepath.Join(t.TempDir(), "disk")
	cmd, id := server(t, path, -1)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, _, err := load(ublk.BlockPath(id), stop)
		ended <- err
	}()
	control, err := ublk.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := ublk.Recover(control, recoverSpec(id))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(badTarget{}); !errors.Is(err, errBadTarget) {
			t.Errorf("start with a bad target: %v", err)
		}
		if err := d.Delete(); err != nil { // of a device that was left: does nothing
			t.Error(err)
		}
	}
	disk, err := mapDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ublk.Recover(control, recoverSpec(id))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(disk); err != nil {
		t.Fatal(err)
	}
	if info, err := control.Info(id); err != nil || info.State != ublk.StateLive || int(info.ServerPID) != os.Getpid() {
		t.Errorf("the device is %v of process %d, %v", info.State, info.ServerPID, err)
	}
	close(stop)
	if err := errors.Join(<-ended, d.Delete(), control.Close(), unix.Munmap(disk)); err != nil {
		t.Error(err)
	}
}
