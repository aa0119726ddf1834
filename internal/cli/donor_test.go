package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// startDonor runs a donor until the test ends and waits until it tells systemd
// that it is ready.
func startDonor(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}
	systemd, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { systemd.Close() })
	cmd := farswap(dir, append(strings.Fields("donor"+noConfig+" --memory 8M --ahead=-1 --listen 127.0.0.1:0 --name d"), args...)...)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+address.Name)
	log := &bytes.Buffer{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	if err := systemd.SetReadDeadline(time.Now().Add(commandTimeout)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 256)
	n, err := systemd.Read(message)
	if err != nil || !strings.HasPrefix(string(message[:n]), "READY=1\nSTATUS=serving 127.0.0.1:") {
		t.Fatalf("notification %q, %v", message[:n], err)
	}
	return cmd, log
}

func TestDonor(t *testing.T) {
	dir := t.TempDir()
	cmd, log := startDonor(t, dir, "--insecure")
	root := filepath.Join(dir, "state")

	got := execute(t, dir, "donor", "status", "--json", "--state-root", root)
	var d status.DonorDaemon
	if err := json.Unmarshal([]byte(got.stdout), &d); err != nil || d.Name != "d" || d.PID != cmd.Process.Pid || d.Memory.Total != 8<<20 || !d.Insecure {
		t.Errorf("status: got %+v, %v", got, err)
	}
	got = execute(t, dir, "donor", "status", "--state-root", root)
	for _, part := range []string{"d ", "lends 0 of 8M", "serving:", "headroom", "evicted", "0 slabs", "INSECURE", d.Address, d.DataAddress} {
		if !strings.Contains(got.stdout, part) {
			t.Errorf("status %q lacks %q", got.stdout, part)
		}
	}
	for _, c := range []badCase{
		bad("to nonsense", 2, "donor resize --memory 4P", "donor d|this machine has|lend less"),
		bad("below a slab", 2, "donor resize --memory 1M", "donor d|at least one slab"),
		bad("headroom", 2, "donor resize --headroom 4P", "donor d|keep less"),
	} {
		c.args = append(c.args, "--state-root", root)
		c.run(t, t.TempDir())
	}
	got = execute(t, dir, "donor", "resize", "d", "--memory", "12M", "--headroom", "5%", "--state-root", root)
	if got != (result{}) {
		t.Errorf("resize: got %+v", got)
	}
	d, err := status.FetchDonor(t.Context(), status.Socket(status.DonorDir(root, "d")))
	if m := d.Memory; err != nil || m.Total != 12<<20 || m.HeadRoom != m.Machine/20 || m.Available <= 0 || d.State != status.DonorServing {
		t.Errorf("after the resize: %+v, %v", d, err)
	}
	// A second donor of the same name must leave the first one's folder alone.
	second := spawn(t, dir, strings.Fields(runDonor)...)
	if second.code != 1 || !strings.Contains(second.stderr, "choose another --name") {
		t.Errorf("second donor: got %+v", second)
	}
	if got := execute(t, dir, "donor", "status", "d", "--state-root", root); got.code != 0 {
		t.Errorf("after the second donor: got %+v", got)
	}

	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v: %s", err, log)
	}
	if files, err := os.ReadDir(root); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	for line := range strings.Lines(log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line is not JSON: %q", line)
		}
	}
	if strings.Count(log.String(), `"level":"warn"`) != 1 || !strings.Contains(log.String(), "insecure") {
		t.Errorf("insecure is not said once: %s", log)
	}
}

func TestDonorWithIdentity(t *testing.T) {
	dir := t.TempDir()
	for _, args := range []string{"cert init ca", "cert issue --ca ca --name mem1 --host 127.0.0.1 id"} {
		if got := spawn(t, dir, strings.Fields(args)...); got.code != 0 || got.stderr != "" || strings.Count(got.stdout, "\n") != 1 {
			t.Fatalf("%s: got %+v", args, got)
		}
	}
	if id, err := control.LoadIdentity(filepath.Join(dir, "id")); err != nil || id.Name != "mem1" {
		t.Fatalf("got %+v, %v", id, err)
	}
	cmd, log := startDonor(t, dir, "--cert", "id")
	// A closed log must not end it.
	if err := cmd.Process.Signal(unix.SIGPIPE); err != nil {
		t.Fatal(err)
	}
	// A stop on the socket is a stop, too.
	if err := status.Stop(t.Context(), status.Socket(status.DonorDir(filepath.Join(dir, "state"), "d"))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v: %s", err, log)
	}
}

// TestDonorDrain drains a donor that a device holds slabs of.
func TestDonorDrain(t *testing.T) {
	dir := t.TempDir()
	cmd, log := startDonor(t, dir, "--insecure", "--headroom", "0")
	root := filepath.Join(dir, "state")
	d, err := status.FetchDonor(t.Context(), status.Socket(status.DonorDir(root, "d")))
	if err != nil {
		t.Fatal(err)
	}
	var s *control.Session
	opened := make(chan struct{})
	unmapped := make(chan error, 2)
	s, err = control.Dial(t.Context(), d.Address, control.DialConfig{
		Device: control.NewUUID(), Name: "dev", SlabSize: control.MinSlab, Insecure: true,
		Handler: control.HandlerFunc(func(_ context.Context, req control.Message) (control.Message, error) {
			evict, ok := req.(*control.Evict)
			if !ok || evict.Urgent {
				return nil, control.ErrUnsupported
			}
			<-opened
			for _, slab := range evict.Slabs {
				go func() { unmapped <- s.Unmap(context.Background(), slab) }()
			}
			return &control.Evicting{}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	close(opened)
	for slab := range uint32(2) {
		if _, err := s.Map(t.Context(), slab, control.MinSlab, false, ""); err != nil {
			t.Fatal(err)
		}
	}
	got := execute(t, dir, "donor", "drain", "--state-root", root)
	if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "d drained: 2 slabs, 8M, in ") || strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("drain: got %+v", got)
	}
	if err := errors.Join(<-unmapped, <-unmapped, cmd.Wait()); err != nil {
		t.Errorf("%v: %s", err, log)
	}
	if strings.Count(log.String(), "slabs evicted") == 0 || !strings.Contains(log.String(), `"why":"drain"`) {
		t.Errorf("the eviction is not logged: %s", log)
	}
}
