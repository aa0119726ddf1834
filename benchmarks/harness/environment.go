package harness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Program is the farswap that measures.
type Program struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // empty of a build that does not know it
	Build   string `json:"build"`            // the first digits of the file's SHA-256
	Go      string `json:"go"`
}

// Environment is what figures depend on besides the plan.
type Environment struct {
	Kernel       string   `json:"kernel"`
	Architecture string   `json:"architecture"`
	Product      string   `json:"product,omitempty"` // as its maker calls the machine
	CPU          string   `json:"cpu"`
	CPUs         int      `json:"cpus"`
	Memory       int64    `json:"memory_bytes"`
	Virtualised  bool     `json:"virtualised"`
	THP          string   `json:"thp"` // transparent huge pages: always, madvise, never
	PageCluster  string   `json:"page_cluster"`
	Swappiness   string   `json:"swappiness"`
	Governor     string   `json:"governor"` // of the first CPU's frequency
	Zswap        string   `json:"zswap"`
	OtherSwaps   []string `json:"other_swaps"`
	Program      Program  `json:"farswap"`
}

// unknown is a setting that the kernel does not have or does not show.
const unknown = "none"

// ReadEnvironment looks at the machine. It fails only if it cannot read the memory's size.
func ReadEnvironment(p Program) (Environment, error) {
	return readEnvironment(os.DirFS("/"), p)
}

func readEnvironment(root fs.FS, p Program) (Environment, error) {
	text := func(name string) string {
		data, err := fs.ReadFile(root, name)
		if err != nil || len(bytes.TrimSpace(data)) == 0 {
			return unknown
		}
		return string(bytes.TrimSpace(data))
	}
	cpuinfo := text("proc/cpuinfo")
	e := Environment{
		Kernel:       text("proc/sys/kernel/osrelease"),
		Architecture: runtime.GOARCH,
		CPU:          firstField(cpuinfo, "model name", unknown),
		CPUs:         countLines(cpuinfo, "processor"),
		Virtualised:  strings.Contains(" "+firstField(cpuinfo, "flags", "")+" ", " hypervisor "),
		THP:          chosen(text("sys/kernel/mm/transparent_hugepage/enabled")),
		PageCluster:  text("proc/sys/vm/page-cluster"),
		Swappiness:   text("proc/sys/vm/swappiness"),
		Governor:     text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Zswap:        text("sys/module/zswap/parameters/enabled"),
		Program:      p,
	}
	if product := text("sys/class/dmi/id/product_name"); product != unknown {
		e.Product = product
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(firstField(text("proc/meminfo"), "MemTotal", ""), " kB"), 10, 64)
	if err != nil {
		return e, fmt.Errorf("read the machine's memory: /proc/meminfo: MemTotal: %w", err)
	}
	e.Memory = kib << 10
	swaps, err := readSwaps(root)
	if err != nil {
		return e, err
	}
	e.OtherSwaps = []string{}
	for _, s := range swaps {
		e.OtherSwaps = append(e.OtherSwaps, s.path)
	}
	return e, nil
}

// firstField returns the text behind the first "name:" of lines, or other.
func firstField(text, name, other string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return other
}

func countLines(text, name string) (n int) {
	for line := range strings.Lines(text) {
		if key, _, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			n++
		}
	}
	return n
}

// chosen returns the word in brackets in a list of words.
func chosen(text string) string {
	if _, rest, ok := strings.Cut(text, "["); ok {
		word, _, _ := strings.Cut(rest, "]")
		return word
	}
	return text
}

// memoryTolerance is how much the memory of one machine can differ between boots.
const memoryTolerance = 0.02

// Differs lists the differences of two environments because of which their runs must not be
// mixed, such as "kernel 7.3 there, 6.12 here".
func (e Environment) Differs(now Environment) []string {
	var differs []string
	add := func(what, there, here string) {
		if there != here {
			differs = append(differs, fmt.Sprintf("%s %s there, %s here", what, there, here))
		}
	}
	add("kernel", e.Kernel, now.Kernel)
	add("machine", e.machine(), now.machine())
	if d := float64(e.Memory - now.Memory); max(d, -d) > memoryTolerance*float64(e.Memory) {
		add("memory", strconv.FormatInt(e.Memory, 10), strconv.FormatInt(now.Memory, 10))
	}
	if e.Program.Commit != "" && now.Program.Commit != "" {
		add("farswap commit", e.Program.Commit, now.Program.Commit)
	} else {
		add("farswap build", e.Program.Build, now.Program.Build)
	}
	return differs
}

func (e Environment) machine() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s × %d", e.Product, e.CPU, e.CPUs))
}

// ProgramBuild returns the first digits of the SHA-256 of the files that a program consists
// of, one after the other.
func ProgramBuild(paths ...string) (string, error) {
	h := sha256.New()
	for _, path := range paths {
		if err := hashFile(h, path); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func hashFile(h io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
