package swapdev

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/floodtest"
	"github.com/farswap/farswap/internal/webguard"
	"github.com/farswap/farswap/status/metrics"
)

// The test of strangers is several processes of this program, so that what each of them costs can be told
// apart. partVar says which part a process plays, and orderVar holds its order as JSON.
const (
	partVar  = "FARSWAP_TEST_PART"
	orderVar = "FARSWAP_TEST_ORDER"
)

// order is what a part has to know.
type order struct {
	Folder    string // of identities, the gossip key and the log
	Listeners int    // of the plain server
	Flood     floodtest.Config
	Killed    killedOrder

	Succession succession // of a process of a donor
}

func (o order) identity(name string) (*control.Identity, error) {
	return control.LoadIdentity(filepath.Join(o.Folder, name))
}

func (o order) key() string { return filepath.Join(o.Folder, "key") }

// parts run until their standard input ends. Each writes one line of JSON on its standard output.
var parts = map[string]func(order) error{
	"donor":    playDonor,
	"exporter": playExporter,
	"plain":    playPlain,
	"flood":    playFlood,
	"server":   playServer,
	"heir":     playHeir,
}

// play plays the part of this process, and returns its exit code.
func play(part string) int {
	var o order
	err := json.Unmarshal([]byte(os.Getenv(orderVar)), &o)
	if err == nil {
		err = parts[part](o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, part+":", err)
		return 1
	}
	return 0
}

// say tells the test something, and waits until it needs the part no more.
func say(what any) error {
	if err := json.NewEncoder(os.Stdout).Encode(what); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// playDonor lends memory, and gossips. It says the addresses at which it listens.
func playDonor(o order) error {
	file, err := os.Create(filepath.Join(o.Folder, "donor.log"))
	if err != nil {
		return err
	}
	defer file.Close()
	id, err := o.identity("donor")
	if err != nil {
		return err
	}
	logger := zerolog.New(file).Level(zerolog.InfoLevel)
	d, err := daemon.Open(daemon.Config{
		Listen: "127.0.0.1:0", DataListen: "127.0.0.1:0", Memory: 16 * testSlab, Ahead: -1, Lease: time.Minute,
		Transport: "tcp", Identity: id, Unlocked: true, Sampler: ownMachine{&testDonor{}}, Log: logger,
	})
	if err != nil {
		return err
	}
	keys, err := cluster.LoadKeys(o.key())
	if err != nil {
		return err
	}
	g, err := cluster.OpenGossip(context.Background(), cluster.Config{Listen: "127.0.0.1:0", Key: keys[0], Log: logger})
	if err != nil {
		return errors.Join(err, d.Close())
	}
	done := make(chan error, 1)
	go func() { done <- d.Serve(context.Background()) }()
	err = say([]string{d.Addr(), d.DataAddr(), g.Address()})
	return errors.Join(err, d.Close(), <-done, g.Close())
}

// playExporter serves metrics as farswap metrics does. It says its address.
func playExporter(o order) error {
	id, err := o.identity("donor")
	if err != nil {
		return err
	}
	l, err := webguard.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{Handler: metrics.Handler(filepath.Join(o.Folder, "state")), ReadTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	webguard.Bound(s)
	go func() { _ = s.Serve(tls.NewListener(l, id.ServerConfig(control.RoleViewer))) }()
	return errors.Join(say([]string{l.Addr().String()}), s.Close())
}

// playPlain accepts connections and closes them: what any server pays for a flood.
func playPlain(o order) error {
	var addresses []string
	for range o.Listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses = append(addresses, l.Addr().String())
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		}()
	}
	return say(addresses)
}

// playFlood floods. It says what it has done.
func playFlood(o order) error {
	results, err := floodtest.Run(context.Background(), o.Flood)
	if err != nil {
		return err
	}
	return say(results)
}

// part is a process of the test.
type part struct {
	t   testing.TB
	cmd *exec.Cmd
	end io.Closer
	out *bufio.Reader
}

// startPart starts one. It ends with the test at the latest.
func startPart(t testing.TB, name string, o order) *part {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	p := &part{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), partVar+"="+name, orderVar+"="+string(text))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.end, p.out = in, bufio.NewReader(out)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// yield has the part take only the time that others leave: it stands for other machines.
func (p *part) yield() {
	p.t.Helper()
	if err := unix.Setpriority(unix.PRIO_PGRP, p.cmd.Process.Pid, 19); err != nil {
		p.t.Fatal(err)
	}
}

// hear reads what the part says.
func (p *part) hear(to any) {
	p.t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, to)
	}
	if err != nil {
		p.t.Fatalf("hear from %v: %v", p.cmd.Env[len(p.cmd.Env)-2], err)
	}
}

// addresses are what a server says.
func (p *part) addresses() (all []string) {
	p.t.Helper()
	p.hear(&all)
	return all
}

// kill kills the part, as it stands.
func (p *part) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // killed
	_ = p.end.Close()
	*p = part{t: p.t} // the test keeps it until its end
}

// stop ends the part and waits for its end.
func (p *part) stop() {
	if p.end == nil {
		return
	}
	_ = p.end.Close()
	p.end = nil
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v: %v", p.cmd.Env[len(p.cmd.Env)-2], err)
	}
}

// resident is the memory of a process, in bytes.
func resident(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("process %d has no memory", pid)
	return 0
}
