package backend

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// topPriority is the highest priority that swapon(2) takes. The kernel uses all other swap
// after it.
const topPriority = 0x7fff

// swapOn turns on swap on path, a device or a file.
func (b *bringUp) swapOn(ctx context.Context, path string, options ...string) error {
	if _, err := command(ctx, "mkswap", path); err != nil {
		return err
	}
	err := b.add(step{
		shell: fmt.Sprintf("! grep -q '^%s ' /proc/swaps || swapoff %s", escape(path), quote(path)),
		run:   func(ctx context.Context) error { return swapOff(ctx, path) },
		first: true,
	})
	if err != nil {
		return err
	}
	_, err = command(ctx, append([]string{"swapon", "--priority", strconv.Itoa(topPriority)}, append(options, path)...)...)
	return err
}

// swapOff brings all pages back into memory, if path is swap.
func swapOff(ctx context.Context, path string) error {
	table, err := os.ReadFile("/proc/swaps")
	if err != nil || !isSwap(string(table), path) {
		return err
	}
	_, err = command(ctx, "swapoff", path)
	return err
}

// isSwap looks path up in the text of /proc/swaps.
func isSwap(table, path string) bool {
	for line := range strings.Lines(table) {
		if name, _, _ := strings.Cut(line, " "); name == escape(path) {
			return true
		}
	}
	return false
}

// escape writes a path as the kernel writes it in /proc/swaps (seq_path).
func escape(path string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(path)
}
