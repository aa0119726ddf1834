package vmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Fixture is what all scenarios share.
type Fixture struct {
	Scratch string // folder on a disk that can do direct I/O
	Logs    string // folder that is kept
	Certs   string // folder with the identities "device", "donor1" … of one authority
}

// MaxDonors is how many machines have an identity.
const MaxDonors = 12

// NewFixture prepares the virtual machine: a file system on disk, identities.
// It refuses to run outside of one, where VM_KERNEL is not set.
func NewFixture(disk string) (*Fixture, error) {
	if os.Getenv("VM_KERNEL") == "" {
		return nil, errors.New("this is no virtual machine of ./do vm: run the suite with ./do vmsuite 6.12")
	}
	f := &Fixture{Scratch: "/tmp/scratch", Logs: os.Getenv("OUT"), Certs: "/tmp/certs"}
	if err := os.MkdirAll(f.Scratch, 0o755); err != nil {
		return nil, err
	}
	steps := [][]string{
		{"mkfs.ext4", "-q", "-F", disk},
		{"mount", disk, f.Scratch},
		{"farswap", "cert", "init", filepath.Join(f.Certs, "ca")},
		{"farswap", "cert", "init", filepath.Join(f.Certs, "other-ca")},
		append(f.issue("ca", "device"), "--role", "device"),
		append(f.issue("other-ca", "stranger"), "--role", "device"),
		{"sh", "-c", "! modinfo crc32_generic || modprobe crc32_generic"}, // 6.12: rdma_rxe wants it and does not say so
		{"modprobe", "-a", "rdma_rxe", "rdma_ucm", "ib_uverbs"},
	}
	steps = append(steps, twoEndsHere...)
	for n := 1; n <= MaxDonors; n++ {
		steps = append(steps, append(f.issue("ca", donorName(n)), "--role", "donor", "--role", "viewer", "--host", donorHost(n)))
	}
	if err := os.Mkdir(f.Certs, 0o700); err != nil {
		return nil, err
	}
	for _, argv := range steps {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	return f, nil
}

func (f *Fixture) issue(ca, name string) []string {
	return []string{"farswap", "cert", "issue", "--ca", filepath.Join(f.Certs, ca), "--name", name, f.Identity(name)}
}

// Identity is the folder for --cert.
func (f *Fixture) Identity(name string) string { return filepath.Join(f.Certs, name) }
