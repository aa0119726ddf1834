package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// part is something that others wrote and the programs have in them.
type part struct {
	name, version string
	root          string   // its folder
	folders       []string // those in it that are linked
}

// linked returns the modules of others that programs link, Go itself, and what the dashboard's page
// has from others.
func linked(programs ...string) ([]part, error) {
	out, err := golang(append([]string{"list", "-deps", "-json=ImportPath,Dir,Module"}, programs...)...)
	if err != nil {
		return nil, err
	}
	modules, err := modulesOf(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	more, err := beside()
	return append(modules, more...), err
}

// golang runs the go command as the release is built.
func golang(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// modulesOf reads what `go list -deps -json` prints, ordered by path.
func modulesOf(list io.Reader) ([]part, error) {
	parts := map[string]*part{}
	for decoder := json.NewDecoder(list); ; {
		var p struct {
			ImportPath, Dir string
			Module          *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("packages that are linked: %w", err)
		}
		if p.Module == nil || p.Module.Main { // of Go, or ours
			continue
		}
		m := parts[p.Module.Path]
		if m == nil {
			m = &part{name: p.Module.Path, version: p.Module.Version, root: p.Module.Dir}
			parts[m.name] = m
		}
		m.folders = append(m.folders, p.Dir)
	}
	var ordered []part
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		ordered = append(ordered, *parts[name])
	}
	return ordered, nil
}

// assets is the folder of the dashboard's page. A folder in it that is not one of ours is another's.
const (
	assets = "dash/web/assets"
	ours   = "views"
)

// beside returns what is linked and is no module.
func beside() ([]part, error) {
	out, err := golang("env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	parts := []part{{name: "Go, its standard library and runtime", version: version, root: root}}
	folders, err := os.ReadDir(assets)
	if err != nil {
		return nil, fmt.Errorf("what the page has from others (run this in the root of the repository): %w", err)
	}
	for _, f := range folders {
		if f.IsDir() && f.Name() != ours {
			parts = append(parts, part{name: f.Name() + ", in the dashboard's page", root: filepath.Join(assets, f.Name())})
		}
	}
	return parts, nil
}

// notices are the licences of a part: those of its root, and of every folder between there and what
// is linked. An error names the part.
func (p part) notices() ([]file, error) {
	folders := map[string]bool{p.root: true}
	for _, f := range p.folders {
		for ; strings.HasPrefix(f, p.root+string(filepath.Separator)); f = filepath.Dir(f) {
			folders[f] = true
		}
	}
	var all []file
	licensed := false
	for _, f := range slices.Sorted(maps.Keys(folders)) {
		found, err := licences(f)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", p.name, p.version, err)
		}
		all = append(all, found...)
		licensed = licensed || f == p.root && slices.ContainsFunc(found, func(one file) bool { return one.kind != "" })
	}
	if !licensed {
		return nil, fmt.Errorf("%s %s: %w in %s", p.name, p.version, errNone, p.root)
	}
	return all, nil
}
