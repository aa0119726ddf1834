// Package launch turns farswap into farswapd, the program that serves devices and donors. The
// process stays the same, with its process id, its open files, its environment and its place
// in the tree of processes: who started farswap, a shell or systemd, sees one program.
package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/program"
)

// ErrNotFound means that farswapd is neither beside this program nor in a folder of PATH.
var ErrNotFound = errors.New("cannot find " + program.Farswapd + ", the program that serves devices and donors")

// Farswapd executes farswapd with the arguments of this process. It returns only if that
// fails.
func Farswapd(args []string) error {
	path, err := Find()
	if err != nil {
		return err
	}
	argv := append([]string{path}, args...)
	return fmt.Errorf("execute %s: %w", path, unix.Exec(path, argv, os.Environ()))
}

// Find returns the path of farswapd. The one beside this program's own file comes first: both
// are of one build there. The kernel names the file after all symbolic links, also when an
// upgrade has removed it since.
func Find() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's own folder: %w", err)
	}
	return find(filepath.Dir(self), exec.LookPath)
}

// find looks in one folder, then where look does.
func find(folder string, look func(string) (string, error)) (string, error) {
	beside := filepath.Join(folder, program.Farswapd)
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := look(program.Farswapd)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("%w: tried %s and the folders of PATH (%w): install it beside farswap, `go build -o FOLDER ./cmd/...` makes both", ErrNotFound, beside, err)
	}
	return path, nil
}
