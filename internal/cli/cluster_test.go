package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
)

// observe is cluster members with the key that newCluster made.
const observe = "cluster members --gossip-listen 127.0.0.1:0 --gossip-key key --join "

// newCluster makes a folder with key files, and a member whose donor it announces.
func newCluster(t *testing.T) (dir string, member *cluster.Gossip) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"key", "other"} {
		if got := execute(t, dir, "cluster", "key", name); got.code != 0 || !strings.Contains(got.stdout, name) || got.stderr != "" {
			t.Fatalf("cluster key: %+v", got)
		}
	}
	write(t, filepath.Join(dir, "short"), "1234\n", 0o600)
	write(t, filepath.Join(dir, "open"), strings.Repeat("5a", cluster.KeySize), 0o644)
	keys, err := cluster.LoadKeys(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	member, err = cluster.OpenGossip(context.Background(), cluster.Config{Listen: "127.0.0.1:0", Key: keys[0], Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = member.Close() })
	return dir, member
}

// announce makes a member a donor and waits until it is known as one.
func announce(t *testing.T, g *cluster.Gossip) {
	t.Helper()
	if err := g.SetLocal(cluster.Announcement{Name: "mem1", Address: ":9400", Free: 3 << 30, Total: 8 << 30}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(commandTimeout); len(g.Donors()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never announced")
		}
	}
}

func TestClusterMembers(t *testing.T) {
	dir, member := newCluster(t)
	list := strings.Fields(observe + member.Address())
	if got := execute(t, dir, list...); got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "no donors; 2 members") {
		t.Errorf("%+v", got)
	}
	announce(t, member)
	got := execute(t, dir, list...)
	lines := strings.Split(got.stdout, "\n")
	if got.code != 0 || got.stderr != "" || len(lines) != 3 || strings.Join(strings.Fields(lines[1])[:4], " ") != "mem1 127.0.0.1:9400 3G 8G" {
		t.Errorf("%+v", got)
	}
	got = execute(t, dir, append(list, "--json")...)
	var donors []struct {
		Name, Address string
		Free, Total   int64
		AgeMS         int64 `json:"age_ms"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &donors); err != nil || got.code != 0 {
		t.Fatalf("%+v: %v", got, err)
	}
	if d := donors[0]; len(donors) != 1 || d.AgeMS < 0 || d.Name != "mem1" || d.Address != "127.0.0.1:9400" || d.Free != 3<<30 || d.Total != 8<<30 {
		t.Errorf("%+v", donors)
	}
}

func TestClusterBadInput(t *testing.T) {
	dir, member := newCluster(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	for _, c := range []badCase{
		bad("no subcommand", 2, "cluster", "want one of key, members"),
		bad("key nowhere", 2, "cluster key", "FILE, where the key is made, is missing"),
		bad("key twice", 2, "cluster key a b", `unexpected argument "b"`),
		bad("key exists", 1, "cluster key key", "key: file exists|choose another file"),
		bad("key in no folder", 1, "cluster key no/key", "no/key"),
		bad("members of nothing", 2, "cluster members", "--gossip-key FILE and --join HOST:PORT"),
		bad("members without a key", 2, "cluster members --join 127.0.0.1:1", "--gossip-key FILE"),
		bad("argument", 2, observe+nobody+" more", `unexpected argument "more"`),
		bad("key missing", 1, "cluster members --gossip-key nowhere --join "+nobody, "nowhere|farswap cluster key"),
		bad("key short", 1, "cluster members --gossip-key short --join "+nobody, "short|64 hexadecimal digits"),
		bad("key open to all", 1, "cluster members --gossip-key open --join "+nobody, "chmod 600"),
		bad("key differs", 1, "cluster members --gossip-listen 127.0.0.1:0 --gossip-key other --join "+member.Address(),
			"gossip keys differ|"+member.Address()+"|copy one key file to every member"),
		bad("nobody", 1, observe+nobody, "no member of the cluster can be reached|"+nobody),
		bad("target", 2, observe+"127.0.0.1", `"127.0.0.1": want HOST:PORT`),
		bad("listen", 2, observe+nobody+" --gossip-listen here:0", `"here:0"|not a name`),
		bad("listen taken", 1, observe+nobody+" --gossip-listen "+member.Address(), "in use|--gossip-listen"),
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, dir) })
	}
}

func TestClusterOptions(t *testing.T) {
	dir, member := newCluster(t)
	announce(t, member)
	parse := func(args ...string) *flags.Gossip {
		t.Helper()
		o := &flags.Gossip{}
		f := pflag.NewFlagSet("test", pflag.ContinueOnError)
		o.Register(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		return o
	}
	if s, err := parse().Open(t.Context(), zerolog.Nop(), false); s != nil || err != nil {
		t.Errorf("without flags: %v, %v", s, err)
	}
	if _, err := parse("--join", member.Address()).Open(t.Context(), zerolog.Nop(), false); command.ExitCode(err, true) != command.ExitUsage {
		t.Errorf("without a key: %v", err)
	}
	key := filepath.Join(dir, "key")
	s, err := parse("--gossip-listen", "127.0.0.1:0", "--gossip-key", key, "--join", member.Address()).Open(t.Context(), zerolog.Nop(), false)
	if err != nil {
		t.Fatal(err)
	}
	if d := s.Donors(); len(d) != 1 || d[0].Name != "mem1" {
		t.Errorf("%+v", d)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if s, err := parse("--gossip-key", key).Open(t.Context(), zerolog.Nop(), false); s != nil || command.ExitCode(err, true) != command.ExitFailed {
		t.Errorf("%v, %v", s, err)
	}
	const donorGossip = ":9403"
	o := &flags.Gossip{Listen: donorGossip}
	f := pflag.NewFlagSet("donor", pflag.ContinueOnError)
	o.Register(f)
	if got := f.Lookup("gossip-listen").DefValue; got != donorGossip {
		t.Errorf("a donor listens on %s", got)
	}
}

// TestDonorAnnouncesItsName has a donor announce what its certificate names, and what
// it does not.
func TestDonorAnnouncesItsName(t *testing.T) {
	dir, member := newCluster(t)
	for _, args := range []string{"cert init ca", "cert issue --ca ca --name mem1 --host 127.0.0.1 id", "cert issue --ca ca --role donor --name mem1 nameless"} {
		if got := execute(t, dir, strings.Fields(args)...); got.code != 0 {
			t.Fatalf("%s: got %+v", args, got)
		}
	}
	gossip := []string{"--gossip-listen", "127.0.0.1:0", "--gossip-key", "key", "--join", member.Address()}
	for _, tt := range []struct {
		cert string
		host string // announced; "": what gossip finds
		want string
		warn int
	}{
		{"id", "mem1", "mem1:", 0},
		{"id", "mem1:9987", "mem1:9987", 0},
		{"id", "", "127.0.0.1:", 0},
		{"nameless", "", "127.0.0.1:", 1},
	} {
		args := append([]string{"--cert", tt.cert}, gossip...)
		if tt.host != "" {
			args = append(args, "--announce", tt.host)
		}
		cmd, log := startDonor(t, dir, args...)
		announced := func() string {
			if d := member.Donors(); len(d) == 1 {
				return d[0].Address
			}
			return ""
		}
		for end := time.Now().Add(commandTimeout); !strings.HasPrefix(announced(), tt.want); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%+v: %q is announced", tt, announced())
			}
		}
		if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%+v: %v: %s", tt, err, log)
		}
		if n := strings.Count(log.String(), "will refuse it"); n != tt.warn || n > 0 && !strings.Contains(log.String(), "--host 127.0.0.1") {
			t.Errorf("%+v: %d warnings: %s", tt, n, log)
		}
		for len(member.Donors()) > 0 {
			time.Sleep(time.Millisecond)
		}
		if err := os.Remove(filepath.Join(dir, "notify")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}
