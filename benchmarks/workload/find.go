package workload

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// Find returns the path of a command. It looks on PATH, and beside the folders of PATH where
// Debian has the commands of one version of PostgreSQL. Of several versions it takes the
// highest.
func Find(command string) (string, error) {
	path, err := exec.LookPath(command)
	if err == nil {
		return path, nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		found, globErr := filepath.Glob(filepath.Join(dir, "../lib/postgresql/*/bin", command))
		if globErr != nil || len(found) == 0 {
			continue
		}
		return slices.MaxFunc(found, byVersion), nil
	}
	return "", fmt.Errorf("%w: install the package that has it", err)
}

// byVersion compares two paths LIB/postgresql/VERSION/bin/COMMAND by their versions.
func byVersion(a, b string) int { return cmp.Compare(version(a), version(b)) }

func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return -1
	}
	return n
}

// Missing returns the commands that w needs and Find does not find.
func (w Workload) Missing() []string {
	var missing []string
	for _, command := range w.Needs {
		if _, err := Find(command); err != nil {
			missing = append(missing, command)
		}
	}
	return missing
}
