package vmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Leftovers lists what a scenario must not leave behind, in words.
func Leftovers() []string {
	var left []string
	for _, pattern := range []string{"/dev/ublk[bc]*", "/run/farswap/*", "/run/netns/*", "/sys/class/infiniband/*", "/sys/class/net/donor*", "/sys/class/net/wire*"} {
		paths, _ := filepath.Glob(pattern) // the patterns are right
		left = append(left, paths...)
	}
	for pid, exe := range processes() {
		if isFarswap(exe) {
			left = append(left, fmt.Sprintf("process %s (%s)", pid, exe))
		}
	}
	for _, table := range []string{"/proc/swaps", "/proc/self/mounts"} {
		data, _ := os.ReadFile(table)
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "/dev/ublkb") {
				left = append(left, table+": "+strings.TrimSpace(line))
			}
		}
	}
	return left
}

// isFarswap says whether an executable is one of farswap's programs.
func isFarswap(exe string) bool {
	name := filepath.Base(exe)
	return name == "farswap" || name == "farswapd"
}

// processes maps process ids to executables. A kernel thread has none; a file
// that was replaced since is shown under its old name.
func processes() map[string]string {
	found := map[string]string{}
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil {
			found[filepath.Base(filepath.Dir(link))] = strings.TrimSuffix(exe, " (deleted)")
		}
	}
	return found
}

// waiting says where in the kernel the threads of a process are, and which
// requests ublk devices have not answered.
func waiting(pid int) string {
	var text strings.Builder
	for _, pattern := range []string{
		fmt.Sprintf("/proc/%d/task/*/stack", pid), "/sys/block/ublkb*/inflight", "/sys/kernel/debug/block/ublkb*/hctx*/busy",
	} {
		paths, _ := filepath.Glob(pattern) // the patterns are right
		for _, path := range paths {
			data, _ := os.ReadFile(path)
			fmt.Fprintf(&text, "%s:\n%s", path, data)
		}
	}
	return text.String()
}
