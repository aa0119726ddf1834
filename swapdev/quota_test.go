package swapdev

import (
	"path/filepath"
	"testing"

	"github.com/farswap/farswap/control"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
)

// authority returns what makes identities of one CA.
func authority(t *testing.T) func(name string) *control.Identity {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca")
	if err := control.InitCA(ca, "test"); err != nil {
		t.Fatal(err)
	}
	return func(name string) *control.Identity {
		t.Helper()
		dir := filepath.Join(t.TempDir(), name)
		if err := control.Issue(ca, dir, name, []string{"127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		id, err := control.LoadIdentity(dir)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
}

// TestQuotas has two donors bound what a device may have: what is above one's quota
// goes to the other, what is above both stays with the backing file. Each donor says
// so once, and the device says no more when it has said so.
func TestQuotas(t *testing.T) {
	identity := authority(t)
	quotas := []int64{1, 3}
	var lent [2]logged
	log := &logged{}
	r := newRig(t, rigOptions{
		donors: 2, queues: 1,
		lend: func(i int, c *daemon.Config) {
			c.Insecure, c.Identity, c.Log = false, identity("donor"), lent[i].logger()
			c.Allow = []daemon.Allowance{{Name: "web", Most: quotas[i] * testSlab}}
		},
		prepare: func(c *Config) { c.Insecure, c.Identity, c.Log = false, identity("web"), log.logger() },
	})
	slabs := r.engine.pages.Geometry().Slabs()
	use := func(version uint64) {
		for s := range slabs {
			first, _ := r.engine.pages.Geometry().PageRange(s)
			r.write(0, first, version, 1)
			r.read(0, first, version, 1)
		}
	}
	full := func() bool { h := r.engine.holds(); return int64(h[0]) == quotas[0] && int64(h[1]) == quotas[1] }
	r.until("both quotas are used", func() bool { use(1); return full() })
	r.until("the device has said that there is no room", func() bool { use(2); return len(log.lines("a hot slab stays")) > 0 })
	said := len(log.lines("a hot slab stays"))
	for version := range uint64(20) {
		use(3 + version)
	}
	if !full() {
		t.Errorf("donors hold %v slabs, want %v", r.engine.holds(), quotas)
	}
	for i := range lent {
		if n := len(lent[i].lines(`"level":"warn"`, "quota", `"identity":"web"`)); n != 1 {
			t.Errorf("donor %d says %d times that the quota is used up", i, n)
		}
	}
	if n := len(log.lines("a hot slab stays")); n != said {
		t.Errorf("the device says it %d times more", n-said)
	}
	unmapped := 0
	for _, s := range r.engine.slabs() {
		if s.State == slabmap.Unmapped {
			unmapped++
		}
	}
	if s := r.engine.report(); unmapped == 0 || s.IO.Errors != 0 || s.IO.Failovers != 0 || s.Donors[0].State != string(lenders.StateUp) {
		t.Errorf("%d slabs unmapped, %+v %+v", unmapped, s.IO, s.Donors)
	}
}
