package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostBytes is the text and data that farswapd may have: all of it is locked in the memory of
// machines that are out of memory.
const mostBytes = 14_000_000

// ours is what the paths of this module's packages begin with.
const ours = "github.com/farswap/farswap/"

// modules are those that farswapd may link, by what it needs them for. Another one costs
// memory on every machine: think twice before it is added.
var modules = []string{
	strings.TrimSuffix(ours, "/"),

	"golang.org/x/sys",                // system calls
	"github.com/cilium/ebpf",          // latency of page faults, in the kernel
	"github.com/fxamacker/cbor/v2",    // messages between device and donor
	"github.com/x448/float16",         // of cbor
	"github.com/hashicorp/memberlist", // gossip, and all of the following
	"github.com/google/btree",         //
	"github.com/hashicorp/errwrap",    //
	"github.com/hashicorp/go-immutable-radix",
	"github.com/hashicorp/go-metrics",
	"github.com/hashicorp/go-msgpack/v2",
	"github.com/hashicorp/go-multierror",
	"github.com/hashicorp/go-sockaddr",
	"github.com/hashicorp/golang-lru",
	"github.com/miekg/dns",
	"github.com/sean-/seed",
	"golang.org/x/net",

	"github.com/spf13/cobra", // the command line
	"github.com/spf13/pflag",
	"github.com/BurntSushi/toml",       // configuration files
	"github.com/coreos/go-systemd/v22", // Type=notify
	"github.com/rs/zerolog",            // the log, in colours on a terminal
	"github.com/mattn/go-colorable",
	"github.com/mattn/go-isatty",
}

// rooms are those of this module that farswapd may link, with all below them.
var rooms = []string{
	"bpf", "cluster", "cmd/farswapd", "control", "donor", "evict", "offheap", "slabmap", "status", "swapdev", "ublk", "uring", "verbs",
	"netlimit", "internal/asynclog", "internal/awake", "internal/devserver", "internal/filestate", "internal/flusher", "internal/human", "internal/inuse", "internal/kept", "internal/loghist", "internal/memory",
	"internal/owned", "internal/refusals", "internal/signature", "internal/store", "internal/swapoff",
	"internal/cli/add", "internal/cli/advice", "internal/cli/program", "internal/cli/command", "internal/cli/daemon", "internal/cli/flags",
	"internal/cli/lend", "internal/cli/process", "internal/cli/usage",
}

// forbidden are packages of allowed modules, and of Go, that farswapd must not link.
var forbidden = []string{"status/metrics", "net/http/pprof", "expvar", "net/http/httputil", "go/types", "image", "testing"}

// TestLinksNothingElse looks at everything that farswapd imports, directly or not.
func TestLinksNothingElse(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for line := range strings.Lines(string(out)) {
		path, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		looked++
		if module != "" && !slices.Contains(modules, module) {
			t.Errorf("farswapd links %s of module %s", path, module)
		}
		room, isOurs := strings.CutPrefix(path, ours)
		if isOurs && !slices.ContainsFunc(rooms, func(r string) bool { return room == r || strings.HasPrefix(room, r+"/") }) {
			t.Errorf("farswapd links %s", room)
		}
		if slices.Contains(forbidden, room) {
			t.Errorf("farswapd links %s", path)
		}
	}
	if looked < 100 {
		t.Errorf("only %d packages were looked at", looked)
	}
}

// TestTextAndData builds farswapd as `./do build` does and counts what the kernel maps of its
// file. The flags in build-flags keep it small: farswapd speaks HTTP/1 on its local socket
// alone, and functions of libraries that no page passes are not copied into their callers.
func TestTextAndData(t *testing.T) {
	flags, err := os.ReadFile("build-flags")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "farswapd")
	args := append([]string{"build", "-ldflags", "-X main.commit=test", "-o", path}, strings.Fields(string(flags))...)
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var total uint64
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			total += s.Size
		}
	}
	t.Logf("%d bytes of text and data, %d may be", total, mostBytes)
	if total == 0 || total > mostBytes {
		t.Errorf("farswapd has %d bytes of text and data, want %d at most", total, mostBytes)
	}
}
