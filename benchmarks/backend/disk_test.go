package backend

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"
)

// Every backend that has a file has one with all its blocks, before its device starts.
func TestFilesAreAllocated(t *testing.T) {
	const size = 8 << 20
	for name, make := range map[string]func(*bringUp) (string, error){
		"disk": (*bringUp).diskSpace,
		"farswap": func(b *bringUp) (string, error) {
			options, err := donorSwap{transport: "tcp"}.localCopy(b)
			if err != nil {
				return "", err
			}
			return options[slices.Index(options, "--backing")+1], nil
		},
	} {
		dir := t.TempDir()
		b := &bringUp{Options: Options{Size: size, Dir: dir}, dir: dir}
		path, err := make(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if blocks := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != size || blocks < size {
			t.Errorf("%s: the file has %d bytes, and %d of them on the disk, want %d", name, info.Size(), blocks, size)
		}
		if _, err := make(b); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: a file that is there is taken: %v", name, err)
		}
	}
}
