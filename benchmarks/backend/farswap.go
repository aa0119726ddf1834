package backend

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// The policies: how many copies a page has, and when a write is answered.
const (
	remoteFirst = ""
	strict      = "strict"
	remoteOnly  = "remote-only"
)

// donorSwap is one way of using donors.
type donorSwap struct{ transport, policy string }

const donorCount = 2

// farswap is swap to the memory of two donors on this machine. Each donor is a process of
// its own. Over TCP they are on loopback, over RDMA on the first adapter. Control sessions
// use TLS.
func farswap(d donorSwap) Backend {
	needs := []check{hasModule("ublk_drv")}
	if d.policy != remoteOnly {
		needs = append(needs, freeDevice, placeForFile)
	}
	if d.transport == "rdma" {
		needs = append(needs, hasAdapter)
	}
	return Backend{
		Name: d.name(),
		About: fmt.Sprintf("farswap to two donors on this machine over %s; %s", strings.ToUpper(d.transport), map[string]string{
			remoteFirst: "a write is done when the donor has it, a copy goes to --device or a file",
			strict:      "a write is done when donor and --device or file have it",
			remoteOnly:  "no copy beside the donor's",
		}[d.policy]),
		Lacks: lacks(needs...),
		Up:    brings(d.name(), d.up),
	}
}

func (d donorSwap) name() string {
	name := "farswap-" + d.transport
	if d.policy != "" {
		name += "-" + d.policy
	}
	return name
}

func (d donorSwap) up(ctx context.Context, b *bringUp) error {
	host := localhost
	if d.transport == "rdma" {
		a, err := adapter()
		if err != nil {
			return err
		}
		host = a.host
		b.fact("adapter", "%s on %s", a.name, a.netdev)
	}
	if err := control.InitCA(b.identity("ca"), "farswap-bench"); err != nil {
		return err
	}
	if err := control.Issue(b.identity("ca"), b.identity("device"), "device", nil); err != nil {
		return err
	}
	slab := slabSize(b.Size)
	options := []string{
		"--size", strconv.FormatInt(b.Size, 10), "--slab", strconv.FormatInt(slab, 10),
		"--cert", b.identity("device"), "--transport", d.transport,
	}
	for n := 1; n <= donorCount; n++ {
		address, err := d.donor(ctx, b, n, host, donorMemory(b.Size, slab))
		if err != nil {
			return err
		}
		options = append(options, "--donor", address)
	}
	copyOptions, err := d.localCopy(b)
	if err != nil {
		return err
	}
	path, err := b.device(ctx, "device", append(options, copyOptions...)...)
	if err != nil {
		return err
	}
	id, err := strconv.Atoi(strings.TrimPrefix(path, "/dev/ublkb"))
	if err != nil {
		return fmt.Errorf("%q is no device: %w", path, err)
	}
	socket := status.Socket(status.StateDir(status.DefaultRoot, id))
	if err := connected(ctx, socket); err != nil {
		return err
	}
	b.fact("donors", "%d, each %s in slabs of %s", donorCount, human.Bytes(donorMemory(b.Size, slab)), human.Bytes(slab))
	b.look(func() []Fact { return deviceFacts(socket) })
	return b.swapOn(ctx, path, "--discard=pages")
}

func (b *bringUp) identity(name string) string { return filepath.Join(b.dir, "identity", name) }

// donor starts donor n, waits until it serves, and returns its address.
func (d donorSwap) donor(ctx context.Context, b *bringUp, n int, host string, memory int64) (string, error) {
	name := "farswap-bench-" + strconv.Itoa(n)
	if err := control.Issue(b.identity("ca"), b.identity(name), name, []string{host}); err != nil {
		return "", err
	}
	port, err := FreePorts(host, 3) // control, TCP, RDMA
	if err != nil {
		return "", err
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	dir := status.DonorDir(status.DefaultRoot, name)
	// A donor that is killed leaves its folder, with its own files in it.
	if err := b.then("rm -f %s/sock %[1]s/lock; [ ! -d %[1]s ] || rmdir %[1]s", dir); err != nil {
		return "", err
	}
	p, err := b.start(donorSide, name, b.Farswap, "donor", "--config", "/dev/null", "--listen", address, "--name", name,
		"--memory", strconv.FormatInt(memory, 10), "--headroom", donorHeadroom, "--cert", b.identity(name), "--transport", d.transport)
	if err != nil {
		return "", err
	}
	return address, p.ready(ctx, func() bool {
		pid, alive, err := status.Holder(dir)
		if err != nil || !alive || pid != p.cmd.Process.Pid {
			return false
		}
		_, err = os.Stat(status.Socket(dir))
		return err == nil
	})
}

// donorHeadroom is the memory that donors leave to the machine. Donors and workload share the
// machine, so with the default, an eighth, the donors would begin to give slabs back in the
// middle of a measurement.
const donorHeadroom = "5%"

// slabSize returns a size with which a device of any size has some 16 slabs to spread over
// donors. It is 4 to 64 MiB, the least and the default of `ublk add --slab`.
func slabSize(size int64) int64 {
	slab := int64(4 << 20)
	for slab < 64<<20 && slab*16 < size {
		slab *= 2
	}
	return slab
}

// donorMemory returns half of the device and two slabs more, because the device does not
// spread its slabs quite evenly over two donors that are almost full.
func donorMemory(size, slab int64) int64 {
	slabs := (size + slab - 1) / slab
	return ((slabs+donorCount-1)/donorCount + 2) * slab
}

// localCopy returns the options for the copy on this machine, and for when a write is
// answered.
func (d donorSwap) localCopy(b *bringUp) ([]string, error) {
	if d.policy == remoteOnly {
		b.fact("write done", "at the donor, the only copy")
		return []string{"--backing", "none", "--accept-loss"}, nil
	}
	backing := b.Device
	if backing == "" {
		// The device would write zeros where the file system cannot allocate.
		var err error
		if backing, err = b.file("backing"); err != nil {
			return nil, err
		}
		b.fact("local copy", "file on %s", fileSystem(b.Dir))
	} else {
		b.fact("local copy", "%s, %s", b.Device, diskName(b.Device))
	}
	local := []string{"--backing", backing}
	if b.Device != "" { // what is on it is overwritten, as the command's help says
		local = append(local, "--overwrite")
	}
	if d.policy == strict {
		b.fact("write done", "at the donor and in the local copy")
		return append(local, "--ack", "strict"), nil
	}
	b.fact("write done", "at the donor; the local copy follows")
	return append(local, "--ack", "remote-first"), nil
}

// connected waits until the device is connected to every donor.
func connected(ctx context.Context, socket string) error {
	return until(ctx, startTimeout, "the device to reach its donors", func() (bool, error) {
		s, err := status.FetchSummary(ctx, socket)
		if err != nil {
			return false, err
		}
		up := 0
		for _, donor := range s.Donors {
			if donor.State == "up" {
				up++
			}
		}
		return up == donorCount, nil
	})
}

// deviceFacts returns where pages are, and where they came from so far.
func deviceFacts(socket string) []Fact {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	s, err := status.FetchSummary(ctx, socket)
	if err != nil {
		return []Fact{{"status", err.Error()}}
	}
	facts := []Fact{{"transport", s.Transport}}
	if reads := s.IO.RemoteReads + s.IO.BackingReads; reads > 0 {
		facts = append(facts, Fact{"pages read from donors", fmt.Sprintf("%.1f%%", 100*float64(s.IO.RemoteReads)/float64(reads))})
	}
	for _, donor := range s.Donors {
		facts = append(facts, Fact{"slabs at " + donor.Name, strconv.Itoa(donor.Slabs)})
	}
	if s.IO.Errors+s.IO.Corrupt+s.IO.Failovers > 0 {
		facts = append(facts, Fact{"trouble", fmt.Sprintf("%d errors, %d corrupt pages, %d failovers", s.IO.Errors, s.IO.Corrupt, s.IO.Failovers)})
	}
	if s.Degraded {
		facts = append(facts, Fact{"degraded", s.Reason})
	}
	return facts
}
