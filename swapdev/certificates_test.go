package swapdev

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/farswap/farswap/control"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/verbs"
)

// papers are a CA, and the folders of identities with roles, which are read again while they are used.
type papers struct {
	t       *testing.T
	ca, dir string
	ids     map[string]*control.Identity
}

func newPapers(t *testing.T) *papers {
	t.Helper()
	p := &papers{t, filepath.Join(t.TempDir(), "ca"), t.TempDir(), map[string]*control.Identity{}}
	p.must(control.InitCA(p.ca, "first"))
	p.must(control.Issue(p.ca, filepath.Join(p.dir, "x"), "x", nil, control.RoleViewer))
	p.revoke("x") // so that there is a list
	return p
}

func (p *papers) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *papers) folder(name string) string { return filepath.Join(p.dir, name) }

func (p *papers) issue(name string, role control.Role) *control.Identity {
	p.t.Helper()
	p.must(control.Issue(p.ca, p.folder(name), name, []string{"127.0.0.1"}, role))
	id, err := control.OpenIdentity(control.IdentityFiles{Dir: p.folder(name), Revoked: control.RevocationList(p.ca)})
	p.must(err)
	p.ids[name] = id
	return id
}

func (p *papers) revoke(name string) {
	p.t.Helper()
	_, err := control.Revoke(p.ca, name)
	p.must(err)
}

// reload has all identities read their files again, and wants this of each.
func (p *papers) reload(want ...string) {
	p.t.Helper()
	for name, id := range p.ids {
		if news, err := id.Reload(false); err != nil || !slices.Equal(news, want) {
			p.t.Fatalf("%s has read %v, %v, want %v", name, news, err, want)
		}
	}
}

// certified is a rig of donors mem0, mem1, … and a device db, all with certificates.
func (p *papers) rig(donors int, names *control.Names) *rig {
	p.t.Helper()
	return newRig(p.t, rigOptions{
		donors: donors, queues: 1,
		lend: func(i int, c *daemon.Config) {
			name := fmt.Sprint("mem", i)
			c.Insecure, c.Name, c.Identity = false, name, p.issue(name, control.RoleDonor)
		},
		prepare: func(c *Config) {
			c.Insecure, c.Identity, c.Accept = false, p.issue("db", control.RoleDevice), names.Accept
		},
	})
}

// TestRotation: the certificates of device and donors, and then their authority, are replaced while the
// device is used. No slab is lost, and every key stays.
func TestRotation(t *testing.T) {
	p := newPapers(t)
	r := p.rig(2, &control.Names{})
	r.heat(0, 1, 2)
	keys := func() (list []verbs.Key) {
		for slab := range 3 {
			list = append(list, r.engine.shared.Keys.Get(slab, r.engine.pages.Slab(slab).Epoch))
		}
		return list
	}
	before := keys()
	use := func(version uint64) {
		t.Helper()
		for slab := range 3 {
			first, _ := r.engine.pages.Geometry().PageRange(slab)
			r.write(0, first+7, version, 1)
			r.read(0, first+7, version, 1)
		}
	}
	// fresh says whether the device has shown the certificate of now in all sessions.
	fresh := func() bool {
		for _, d := range r.engine.donors.All() {
			s, up := d.Up()
			if !up || s.Aging(p.ids["db"].NotAfter().AddDate(-1, 0, 0)) {
				return false
			}
		}
		return true
	}
	p.must(func() error { _, err := control.Renew(p.ca, p.folder("db")); return err }())
	if news, err := p.ids["db"].Reload(false); err != nil || !slices.Equal(news, []string{"certificate"}) {
		t.Fatal(news, err)
	}
	if fresh() {
		t.Fatal("the sessions have the new certificate already")
	}
	r.until("the sessions have the new certificate", func() bool { use(2); return fresh() })

	// Another authority: all trust it before anybody shows its certificates.
	next := filepath.Join(t.TempDir(), "next")
	p.must(control.InitCA(next, "second"))
	text, err := os.ReadFile(filepath.Join(next, "ca.crt"))
	p.must(err)
	for name := range p.ids {
		f, err := os.OpenFile(filepath.Join(p.folder(name), "ca.crt"), os.O_APPEND|os.O_WRONLY, 0)
		p.must(err)
		_, err = f.Write(text)
		p.must(err)
		p.must(f.Close())
	}
	p.reload("authorities")
	renew := func(name string) {
		t.Helper()
		_, err := control.Renew(next, p.folder(name))
		p.must(err)
		if news, err := p.ids[name].Reload(false); err != nil || !slices.Equal(news, []string{"certificate"}) {
			t.Fatal(name, news, err)
		}
	}
	renew("db")
	r.until("the sessions have a certificate of the new authority", func() bool { use(3); return fresh() })
	// The donors have theirs after that: on the connections that there are they have shown those of
	// the old one, which is taken away now.
	renew("mem0")
	renew("mem1")
	for name := range p.ids {
		p.must(os.WriteFile(filepath.Join(p.folder(name), "ca.crt"), text, 0o600))
		news, _ := p.ids[name].Reload(false) // the revocation list is nobody's any more
		if !slices.Equal(news, []string{"authorities"}) {
			t.Fatalf("%s: %v", name, news)
		}
	}
	r.until("everybody has forgotten the old authority", func() bool {
		use(4)
		for _, d := range r.engine.donors.All() {
			if s, up := d.Up(); !up || s.Shown().Check(p.ids["db"].NotAfter().AddDate(-1, 0, 0)) != nil {
				return false
			}
		}
		return true
	})
	if s := r.engine.report(); s.IO.Errors != 0 || s.IO.Failovers != 0 || s.Pages.Lost != 0 || !slices.Equal(keys(), before) {
		t.Errorf("%+v, %+v, the keys are those of before: %v", s.IO, s.Pages, slices.Equal(keys(), before))
	}
}

// TestDonorIsLeft: a device leaves a donor whose certificate is revoked, or whose name is taken out of
// the list, and goes on with the other one.
func TestDonorIsLeft(t *testing.T) {
	for _, how := range []string{"revoked", "not allowed"} {
		t.Run(how, func(t *testing.T) {
			p := newPapers(t)
			names := &control.Names{}
			p.must(names.Set([]string{"mem0", "mem1"}))
			r := p.rig(2, names)
			r.heat(0, 1, 2, 3, 4, 5)
			if how == "revoked" {
				p.revoke("mem1")
				if news, err := p.ids["db"].Reload(false); err != nil || len(news) != 1 {
					t.Fatal(news, err)
				}
			} else {
				p.must(names.Set([]string{"mem0"}))
			}
			r.until("the donor is left", func() bool {
				d := r.engine.report().Donors
				return d[1].State == string(lenders.StateDown) && d[0].State == string(lenders.StateUp)
			})
			if how == "not allowed" { // one that is revoked hears nothing more
				r.until("the donor has its memory back", func() bool { return len(r.donors[1].donor.Status().Sessions) == 0 })
			}
			for slab := range 6 {
				first, _ := r.engine.pages.Geometry().PageRange(slab)
				r.read(0, first, 1, 1)
			}
			if s := r.engine.report(); s.IO.Errors != 0 || s.Pages.Lost != 0 {
				t.Errorf("%+v, %+v", s.IO, s.Pages)
			}
		})
	}
}

// TestOtherDonorsAreNotUsed: a device uses no donor that is not in its list, and no certificate without
// the role of a donor. It tells such a donor nothing.
func TestOtherDonorsAreNotUsed(t *testing.T) {
	p := newPapers(t)
	names := &control.Names{}
	p.must(names.Set([]string{"mem0"}))
	r := p.rig(2, names)
	r.heat(0)
	if d := r.engine.report().Donors; d[1].State != string(lenders.StateDown) || d[1].Slabs != 0 {
		t.Errorf("%+v", d[1])
	}
	if s := r.donors[1].donor.Status(); len(s.Sessions)+len(s.Leases) != 0 {
		t.Errorf("the donor knows of the device: %+v %+v", s.Sessions, s.Leases)
	}
}
