package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// reclaimStep is how much is pushed out at a time, in bytes. It is small enough that the
// clock is read in time, even on a hard disk.
const reclaimStep = 16 << 20

// reclaimTries is how many steps in a row may free nothing. After that the limit is set, and
// the kernel reclaims its own way, at the risk that it kills a process.
const reclaimTries = 50

// squeeze pushes out memory of the group at dir until it has at most bytes. Setting
// memory.max would do the same, but then the kernel gives a slow disk few tries before it
// kills a process.
func squeeze(ctx context.Context, dir string, bytes int64) error {
	least := int64(math.MaxInt64)
	for failed := 0; failed < reclaimTries; failed++ {
		now, err := readNumber(os.DirFS(dir), "memory.current")
		if err != nil {
			return err
		}
		if now <= bytes {
			return nil
		}
		if now < least {
			least, failed = now, 0
		}
		step := strconv.FormatInt(min(now-bytes, reclaimStep), 10)
		switch err := reclaim(dir, step); {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist): // before Linux 5.19
			return nil
		case errors.Is(err, unix.EAGAIN): // less was freed, because writes are under way
			time.Sleep(10 * time.Millisecond)
		default:
			return fmt.Errorf("push %s bytes out: %w", step, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func reclaim(dir, bytes string) error {
	f, err := os.OpenFile(filepath.Join(dir, "memory.reclaim"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(bytes)
	return errors.Join(err, f.Close())
}
