//go:build vm

package vmtest

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fileSystem makes a file system on a device that fits on its donors in part
// only, and copies a source tree there and back.
func fileSystem(w *World) {
	d := w.Swap("256M", w.donors(2, "64M"))
	w.Must("mkfs.ext4", "-q", "-F", d.Path)
	mount := filepath.Join(w.Dir, "mnt")
	if err := os.Mkdir(mount, 0o755); err != nil {
		w.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(w.Must("go", "env", "GOROOT")), "src", "encoding")
	target := filepath.Join(mount, "encoding")

	w.Must("mount", "-o", "discard", d.Path, mount)
	w.OnlyError(w.Run("farswap", "ublk", "stop", d.ID()), 3, "mount")
	w.Start(nil, "cp", "-a", source, target).Succeed(2 * time.Minute)
	w.Start(nil, "cp", "-a", filepath.Join(source, "json"), target+"-deleted").Succeed(2 * time.Minute)
	w.Must("rm", "-r", target+"-deleted") // discards
	w.Start(nil, "umount", mount).Succeed(2 * time.Minute)

	w.Must("mount", d.Path, mount)
	w.Start(nil, "diff", "-r", "--no-dereference", source, target).Succeed(2 * time.Minute)
	w.Start(nil, "umount", mount).Succeed(2 * time.Minute)
	w.Must("fsck.ext4", "-f", "-n", d.Path)

	s := d.CheckIO()
	if s.IO.Discards == 0 || s.IO.RemoteReads == 0 {
		w.Errorf("neither discards nor donors were used: %+v", s.IO)
	}
	d.Stop()
}
