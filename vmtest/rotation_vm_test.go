//go:build vm

package vmtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/farswap/farswap/control"
)

// Everything that machines know one another by is replaced under swap: certificates, their
// authority, the key of gossip. Nothing is lost, and no session ends. Then a donor and the device
// are shut out.

// shutOut is how soon a revoked certificate must be of no use, from the change of the list on.
const shutOut = 10 * time.Second

// papers are what the machines of a scenario know one another by.
type papers struct {
	w                *World
	authority        string // folder
	list, key        string // files that the programs read again
	identities       []string
	oldKey, otherKey string // files that no program reads
}

// newPapers makes an authority with a revocation list, identities, and two keys.
func (w *World) newPapers(device string, donors ...int) *papers {
	w.Helper()
	path := func(name string) string { return filepath.Join(w.Dir, name) }
	p := &papers{w: w, authority: path("first"), list: path("revoked"), key: path("key"), oldKey: path("old-key"), otherKey: path("other-key")}
	w.Must("farswap", "cert", "init", p.authority)
	p.issue(device, "device")
	for _, n := range donors {
		p.issue(donorName(n), "donor", "--host", donorHost(n))
	}
	p.publish(p.authority)
	w.Must("farswap", "cluster", "key", p.oldKey)
	w.Must("farswap", "cluster", "key", p.otherKey)
	p.write(p.key, p.read(p.oldKey))
	return p
}

// folder is an identity's, for --cert.
func (p *papers) folder(name string) string { return filepath.Join(p.w.Dir, "id-"+name) }

func (p *papers) issue(name, role string, options ...string) {
	p.w.Helper()
	argv := []string{"farswap", "cert", "issue", "--ca", p.authority, "--name", name, "--role", role}
	p.w.Must(append(append(argv, options...), p.folder(name))...)
	p.identities = append(p.identities, name)
}

// options are those of a donor or a device.
func (p *papers) options(name string) []string {
	return []string{"--cert", p.folder(name), "--revoked", p.list}
}

// renew issues certificates anew, and returns the serial number of each.
func (p *papers) renew(names ...string) map[string]string {
	p.w.Helper()
	serials := map[string]string{}
	for _, name := range names {
		p.w.Must("farswap", "cert", "renew", "--ca", p.authority, p.folder(name))
		var shown struct{ Serial, Name string }
		if err := json.Unmarshal([]byte(p.w.Must("farswap", "cert", "show", "--json", p.folder(name))), &shown); err != nil || shown.Name != name {
			p.w.Fatalf("cert show of %s: %+v, %v", name, shown, err)
		}
		serials[name] = shown.Serial
	}
	return serials
}

// trust writes the authorities that all identities trust.
func (p *papers) trust(authorities ...string) {
	p.w.Helper()
	var text []byte
	for _, dir := range authorities {
		text = append(text, p.read(filepath.Join(dir, "ca.crt"))...)
	}
	for _, name := range p.identities {
		p.write(filepath.Join(p.folder(name), "ca.crt"), text)
	}
}

// publish has the programs read the revocation lists of authorities, which it makes if they have none.
func (p *papers) publish(authorities ...string) {
	p.w.Helper()
	var text []byte
	for _, dir := range authorities {
		list := control.RevocationList(dir)
		if _, err := os.Stat(list); err != nil {
			p.w.Must("farswap", "cert", "revoke", "--ca", dir, strings.Repeat("0F", 16))
		}
		text = append(text, p.read(list)...)
	}
	p.write(p.list, text)
}

// revoke has the programs read that a certificate is revoked, and returns when that began.
func (p *papers) revoke(name string) time.Time {
	p.w.Helper()
	p.w.Must("farswap", "cert", "revoke", "--ca", p.authority, name)
	p.publish(p.authority)
	return time.Now()
}

// useKeys has the programs read keys of gossip from files.
func (p *papers) useKeys(files ...string) {
	p.w.Helper()
	var text []byte
	for _, file := range files {
		text = append(text, p.read(file)...)
	}
	p.write(p.key, text)
}

func (p *papers) read(path string) []byte {
	p.w.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		p.w.Fatal(err)
	}
	return data
}

// write puts a file in the place of another, so that nobody reads half of it.
func (p *papers) write(path string, data []byte) {
	p.w.Helper()
	err := os.WriteFile(path+".new", data, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		p.w.Fatal(err)
	}
}

// takenUp does something, and waits until each of some programs has then read what it changed.
func (w *World) takenUp(what string, programs []*Process, change func()) {
	w.Helper()
	read := fmt.Sprintf(`"what":%q`, what)
	count := func(p *Process) (n int) {
		for line := range strings.Lines(p.Stderr()) {
			if strings.Contains(line, read) && strings.Contains(line, `"message":"read again"`) {
				n++
			}
		}
		return n
	}
	var before []int
	for _, p := range programs {
		before = append(before, count(p))
	}
	change()
	w.Until(commandTimeout, "all have read again: "+what, func() bool {
		for i, p := range programs {
			if count(p) == before[i] {
				return false
			}
		}
		return true
	})
}

// rotation replaces what the programs know one another by while a program swaps, and then revokes
// the certificates of a donor and of the device.
func rotation(w *World) {
	const name = "db"
	p := w.newPapers(name, 1, 2, 3)
	join := append(w.cluster(), "--gossip-key", p.key)
	donors := []*Donor{
		w.member(1, "80M", join, p.options(donorName(1))...),
		w.member(2, "80M", join, p.options(donorName(2))...),
	}
	options := append(w.SwapOptions("128M", nil), join...)
	d := w.Add(append(options, p.options(name)...)...)
	programs := []*Process{donors[0].Process, donors[1].Process, d.Process}
	w.wellAgain(d, donors)
	d.SwapOn()
	program := w.PageUntilTold(pagingSize, pagingLimit, "--threads", "4", "--pattern", "uniform")
	w.onBoth(d, donors)
	before := d.Status()
	well := func() {
		w.Helper()
		w.wellAgain(d, donors)
		if s := d.CheckIO(); s.IO.Failovers != before.IO.Failovers {
			w.Errorf("%d slabs failed over", s.IO.Failovers-before.IO.Failovers)
		}
	}
	// shown waits until the programs show their renewed certificates, and the device's sessions go by them.
	const renewed = "donor is connected again, with the certificates of now"
	shown := func(serials map[string]string) {
		w.Helper()
		w.Until(commandTimeout, "the status of each names its new certificate", func() bool {
			for _, donor := range donors {
				if want := serials[donor.Name]; want != "" && w.donorStatus(donor).Certificate.Serial != want {
					return false
				}
			}
			return serials[name] == "" || d.Status().Certificate.Serial == serials[name]
		})
	}
	resumed := func(more int, change func()) {
		w.Helper()
		was := strings.Count(d.Stderr(), renewed)
		change()
		w.Until(commandTimeout, "the device has shown its new certificate to the donors", func() bool {
			return strings.Count(d.Stderr(), renewed) >= was+more
		})
	}

	w.Phase("the certificates are renewed: the device's with SIGHUP, the donors' by their change")
	resumed(2, func() {
		serials := p.renew(name)
		d.Signal(syscall.SIGHUP)
		shown(serials)
	})
	shown(p.renew(donors[0].Name, donors[1].Name))
	well()

	w.Phase("another authority takes the place of the first")
	first, second := p.authority, filepath.Join(w.Dir, "second")
	w.Must("farswap", "cert", "init", "--name", "second", second)
	w.takenUp("authorities", programs, func() { p.trust(first, second) })
	p.authority = second
	p.publish(first, second)
	resumed(2, func() { shown(p.renew(name, donors[0].Name, donors[1].Name)) })
	p.publish(second)
	w.takenUp("authorities", programs, func() { p.trust(second) })
	well()

	w.Phase("another key of gossip takes the place of the first")
	for _, files := range [][]string{{p.oldKey, p.otherKey}, {p.otherKey, p.oldKey}, {p.otherKey}} {
		w.takenUp("gossip keys", programs, func() { p.useKeys(files...) })
	}
	if r := w.Run("farswap", "cluster", "members", "--gossip-key", p.oldKey, "--join", donorHost(1)+gossipPort); r.Code == 0 {
		w.Errorf("the old key is still good: %s", r.Stdout)
	}

	w.Phase("a donor that knows none of what was before is found and used")
	p.renew(donorName(3))
	p.trust(second)
	donors = append(donors, w.member(3, "80M", join, p.options(donorName(3))...))
	well()

	w.Phase("the certificate of %s is revoked", donors[1].Name)
	began := p.revoke(donors[1].Name)
	w.Until(shutOut-time.Since(began), "the device has left "+donors[1].Name, func() bool {
		left := DonorState(d.Status(), donors[1].Name)
		return left.State == "down" && left.Slabs == 0
	})
	w.Logf("the device has left %s after %v", donors[1].Name, time.Since(began).Round(time.Millisecond))
	w.wellAgain(d, []*Donor{donors[0], donors[2]})
	d.CheckIO()

	w.Phase("the certificate of the device is revoked")
	began = p.revoke(name)
	w.Until(shutOut-time.Since(began), "the donors have their memory back", func() bool {
		for _, donor := range []*Donor{donors[0], donors[2]} {
			if s := w.donorStatus(donor); len(s.Sessions)+len(s.Leases) != 0 || s.Memory.Mapped != 0 {
				return false
			}
		}
		return true
	})
	w.Logf("the donors have their memory back after %v", time.Since(began).Round(time.Millisecond))
	program.Told(8 * time.Minute)
	d.CheckIO()
	d.SwapOff()
	d.Stop()
}
