package donor

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// listed is a CA with a revocation list, and identities that read it.
type listed struct {
	t   *testing.T
	ca  string
	dir string
}

func newListed(t *testing.T) *listed {
	t.Helper()
	l := &listed{t, filepath.Join(t.TempDir(), "ca"), t.TempDir()}
	if err := control.InitCA(l.ca, "ca"); err != nil {
		t.Fatal(err)
	}
	l.identity("nobody", control.RoleViewer)
	l.revoke("nobody") // so that there is a list
	return l
}

func (l *listed) identity(name string, role control.Role) *control.Identity {
	l.t.Helper()
	dir := filepath.Join(l.dir, name)
	if err := control.Issue(l.ca, dir, name, []string{"127.0.0.1"}, role); err != nil {
		l.t.Fatal(err)
	}
	files := control.IdentityFiles{Dir: dir}
	if role == control.RoleDonor {
		files.Revoked = control.RevocationList(l.ca)
	}
	id, err := control.OpenIdentity(files)
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

func (l *listed) revoke(name string) {
	l.t.Helper()
	if _, err := control.Revoke(l.ca, name); err != nil {
		l.t.Fatal(err)
	}
}

// TestRevokedDeviceLosesItsSlabs, whether its session has a connection, is suspended, or has ended. So
// does one whose name is taken out of the list of allowed ones. Other devices keep theirs, and nobody
// opens a data connection with a secret of before.
func TestRevokedDeviceLosesItsSlabs(t *testing.T) {
	for _, how := range []string{"revoked", "not allowed"} {
		t.Run(how, func(t *testing.T) {
			l := newListed(t)
			cfg := testConfig()
			cfg.Insecure, cfg.Identity = false, l.identity("donor-1", control.RoleDonor)
			all := []Allowance{{Name: "good"}, {Name: "bad"}}
			cfg.Allow = all
			d := lend(t, cfg)
			dialed := func(name string, id *control.Identity) control.DialConfig {
				c := patient(control.NewUUID(), time.Hour)
				c.Insecure, c.Identity, c.Name = false, id, name
				return c
			}
			good, bad := l.identity("good", control.RoleDevice), l.identity("bad", control.RoleDevice)
			kept, _ := dialThrough(t, d, dialed("kept", good))
			there, _ := dialThrough(t, d, dialed("there", bad))
			cutOff := dialed("cut", bad)
			suspended, p := dialThrough(t, d, cutOff)
			left, _ := dialThrough(t, d, dialed("left", bad))
			for _, s := range []*control.Session{kept, there, suspended, left} {
				mapSlab(t, s, 1, false)
			}
			p.Cut()
			eventually(t, "a session is suspended", isCutOf(d, deviceKey{cutOff.Device, "bad"}))
			_ = left.Close()
			eventually(t, "a slab is under lease", func() bool { return len(d.Status().Leases) == 1 })
			d.audit(time.Now())
			if got := d.Status(); got.Memory.Mapped != 4*slabSize {
				t.Fatalf("%d bytes are mapped before", got.Memory.Mapped)
			}

			if how == "revoked" {
				l.revoke("bad")
				if news, err := cfg.Identity.Reload(false); err != nil || len(news) != 1 {
					t.Fatalf("%v, %v", news, err)
				}
			} else if err := d.SetAllow(all[:1]); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the slabs are free", func() bool { return d.Status().Memory.Mapped == slabSize })
			<-there.Done()
			if !errors.Is(there.Err(), control.ErrRefused) {
				t.Errorf("the device hears: %v", there.Err())
			}
			if got := d.Status(); len(got.Sessions) != 1 || got.Sessions[0].Identity != "good" || len(got.Leases) != 0 || kept.Err() != nil {
				t.Errorf("sessions %+v, leases %+v, %v", got.Sessions, got.Leases, kept.Err())
			}
			if err := suspended.Resume(t.Context()); err == nil {
				t.Error("the suspended session goes on")
			}
			r := newReach(t)
			for _, s := range []*control.Session{there, suspended} {
				if conn, err := r.dev.Connect(t.Context(), s.DataAddress("tcp"), credentialOf(s), verbs.QPConfig{}); err == nil {
					_ = conn.Close()
					t.Error("a data connection is opened with a secret of before")
				}
			}
		})
	}
}

// TestAllowIsChecked: a list that does not fit changes nothing.
func TestAllowIsChecked(t *testing.T) {
	l := newListed(t)
	cfg := testConfig()
	cfg.Insecure, cfg.Identity = false, l.identity("donor-1", control.RoleDonor)
	cfg.Allow = []Allowance{{Name: "a"}}
	d := lend(t, cfg)
	for _, bad := range [][]Allowance{{{Name: "a b"}}, {{Name: "a"}, {Name: "a"}}, {{Name: "a", Reserve: 1 << 50}}} {
		if err := d.SetAllow(bad); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if got := d.Status().Identities; len(got) != 1 || got[0].Name != "a" {
		t.Errorf("%+v", got)
	}
	if err := d.SetAllow(nil); err != nil {
		t.Fatal(err)
	}
	dialed := dialConfig(control.NewUUID())
	dialed.Insecure, dialed.Identity = false, l.identity("anybody", control.RoleDevice)
	dial(t, d, dialed)
}
