package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// check looks for one thing that a machine may lack.
type check func(Options) error

// lacks lists the checks that fail, and what the machine lacks for every backend but none.
func lacks(checks ...check) func(Options) error {
	all := append([]check{root, hasCommands("mkswap", "swapon", "swapoff", "modprobe"), goodSize, cgroups}, checks...)
	return func(o Options) error {
		var lack error
		for _, c := range all {
			lack = errors.Join(lack, c(o))
		}
		return lack
	}
}

func root(Options) error {
	if os.Geteuid() != 0 {
		return errors.New("root: run it with sudo")
	}
	return nil
}

func goodSize(o Options) error {
	if o.Size < MinSize || o.Size%MinSize != 0 {
		return fmt.Errorf("a size of the swap area: %d bytes is no multiple of %d", o.Size, MinSize)
	}
	return nil
}

func cgroups(Options) error {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.subtree_control"); err != nil {
		return errors.New("control groups of version 2 at /sys/fs/cgroup")
	}
	return nil
}

func hasCommands(names ...string) check {
	return func(Options) error {
		var lack error
		for _, name := range names {
			if _, err := exec.LookPath(name); err != nil {
				lack = errors.Join(lack, fmt.Errorf("the command %s on PATH", name))
			}
		}
		return lack
	}
}

// hasModule looks for a kernel module without loading it.
func hasModule(name string) check {
	return func(Options) error {
		if loaded(name) {
			return nil
		}
		if _, err := command(context.Background(), "modprobe", "--dry-run", "--quiet", name); err != nil {
			return fmt.Errorf("the kernel module %s", name)
		}
		return nil
	}
}
