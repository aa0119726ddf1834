package control

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// folders are a CA and the folders of a donor and a device.
type folders struct{ ca, donor, device, list string }

func newFolders(t *testing.T) folders {
	t.Helper()
	dir := t.TempDir()
	f := folders{newCA(t), filepath.Join(dir, "donor"), filepath.Join(dir, "device"), ""}
	f.list = RevocationList(f.ca)
	for name, role := range map[string]Role{"donor": RoleDonor, "device": RoleDevice} {
		if err := Issue(f.ca, filepath.Join(dir, name), name, []string{"127.0.0.1"}, role); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Revoke(f.ca, strings.Repeat("0F", 16)); err != nil { // so that there is a list
		t.Fatal(err)
	}
	return f
}

func (f folders) open(t *testing.T, dir string) *Identity {
	t.Helper()
	id, err := OpenIdentity(IdentityFiles{Dir: dir, Revoked: f.list})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// session is one of a device and a donor with these folders.
func (f folders) session(t *testing.T, grace uint64) (s *Session, donor, device *Identity, stub *donorStub) {
	t.Helper()
	donor, device = f.open(t, f.donor), f.open(t, f.device)
	stub = &donorStub{welcome: &Welcome{Session: 1, Name: "stub", Secret: Secret{1}, Data: []Endpoint{{"tcp", ":9401"}}, Grace: grace}}
	site := serveOn(t, stub, ListenConfig{Identity: donor, Timing: quick})
	cfg := dialConfig()
	cfg.Insecure, cfg.Identity = false, device
	return mustDial(t, site.addr, cfg), donor, device, stub
}

func reload(t *testing.T, id *Identity, want ...string) {
	t.Helper()
	news, err := id.Reload(false)
	if err != nil || !slices.Equal(news, want) {
		t.Errorf("reload of %s: %v, %v, want %v", id.Name, news, err, want)
	}
}

// TestRevocation: the session of a certificate that is revoked ends at the side that has the list, and
// no other one opens.
func TestRevocation(t *testing.T) {
	checkFDs(t)
	for _, who := range []string{"device", "donor"} {
		f := newFolders(t)
		s, donor, device, stub := f.session(t, 60_000)
		judge := map[string]*Identity{"device": donor, "donor": device}[who]
		reload(t, judge)
		revoked, err := Revoke(f.ca, who)
		if err != nil || len(revoked) != 1 || revoked[0].Name != who {
			t.Fatalf("revoke: %+v, %v", revoked, err)
		}
		reload(t, judge, "revocation list")
		<-s.Cut()
		if who == "donor" {
			if err := s.Resume(t.Context()); !errors.Is(s.Trouble(), ErrRevoked) || !errors.Is(err, ErrRevoked) {
				t.Errorf("the device's session ended: %v, and then: %v", s.Trouble(), err)
			}
		} else {
			if !errors.Is(s.Err(), ErrRefused) || !strings.Contains(s.Err().Error(), "certificate revoked") {
				t.Errorf("the device hears: %v", s.Err())
			}
			if there := stub.session(); !errors.Is(there.Err(), ErrRevoked) {
				t.Errorf("the donor's session ended: %v", there.Err())
			}
		}
		cfg := dialConfig()
		cfg.Insecure, cfg.Identity = false, device
		if _, err := Dial(t.Context(), s.again.addr, cfg); err == nil || who == "donor" && !errors.Is(err, ErrRevoked) {
			t.Errorf("another session with a revoked %s: %v", who, err)
		}
		// A certificate that is issued anew under the name is a new one.
		if _, err := Renew(f.ca, filepath.Join(filepath.Dir(f.donor), who)); err != nil {
			t.Fatal(err)
		}
		reload(t, map[string]*Identity{"device": device, "donor": donor}[who], "certificate", "revocation list")
		mustDial(t, s.again.addr, cfg)
	}
}

// TestSessionEndsWithItsCertificate: the donor ends the session of a device whose certificate ends, and
// a device that of such a donor.
func TestSessionEndsWithItsCertificate(t *testing.T) {
	checkFDs(t)
	ca := filepath.Join(t.TempDir(), "ca")
	if err := initCAAt(ca, "old-ca", time.Now().Add(-identityLife-time.Hour)); err != nil {
		t.Fatal(err)
	}
	short := func(name string) *Identity {
		return identityAt(t, ca, name, time.Now().Add(4*time.Second-identityLife))
	}
	for _, who := range []string{"device", "donor"} {
		donor, device := identity(t, ca, "donor", "127.0.0.1"), identity(t, ca, "device")
		if who == "donor" {
			donor = short(who)
		} else {
			device = short(who)
		}
		stub := &donorStub{}
		site := serveOn(t, stub, ListenConfig{Identity: donor, Timing: quick})
		cfg := dialConfig()
		cfg.Insecure, cfg.Identity = false, device
		s := mustDial(t, site.addr, cfg)
		if !time.Now().Before(s.Shown().Until()) {
			t.Fatalf("certificate of the peer ends %v", s.Shown().Until())
		}
		<-s.Done()
		ended := s.Err()
		if who == "device" {
			ended = stub.session().Err()
		}
		if !errors.Is(ended, ErrExpired) || time.Now().Before(min2(donor.NotAfter(), device.NotAfter())) {
			t.Errorf("%s: %v", who, ended)
		}
		if _, err := Dial(t.Context(), site.addr, cfg); err == nil {
			t.Errorf("a session with an ended certificate of the %s", who)
		}
	}
}

func min2(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// TestSessionGoesOnWithRenewedCertificate: a device whose certificate is renewed, also by another
// authority, connects its session again, and the donor sees the new certificate.
func TestSessionGoesOnWithRenewedCertificate(t *testing.T) {
	checkFDs(t)
	f := newFolders(t)
	s, donor, device, stub := f.session(t, 60_000)
	stub.welcome = &Welcome{Session: 1, Name: "stub", Secret: Secret{1}, Data: []Endpoint{{"tcp", ":9401"}}, Grace: 60_000, Resumed: true}
	now := time.Now()
	if s.Aging(now) {
		t.Error("a new session is aging")
	}
	if _, err := Renew(f.ca, f.device); err != nil {
		t.Fatal(err)
	}
	reload(t, device, "certificate")
	if !s.Aging(now) {
		t.Error("the session does not notice the renewed certificate")
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Aging(now) || stub.session().Shown().certs[0].SerialNumber.Cmp(device.leaf().SerialNumber) != 0 {
		t.Error("the donor does not see the renewed certificate")
	}
	if !s.Aging(s.Shown().Until().Add(-time.Minute)) {
		t.Error("a minute before the donor's certificate ends the session does not look for a renewed one")
	}

	// Another authority, which the donor does not know yet: the connection stays.
	other := newCA(t)
	if _, err := Renew(other, f.device); err != nil {
		t.Fatal(err)
	}
	reload(t, device, "authorities", "certificate")
	if err := s.Resume(t.Context()); err == nil {
		t.Fatal("resumed with a certificate of an unknown authority")
	}
	if err := s.Trouble(); err != nil {
		t.Fatalf("the connection of before has ended: %v", err)
	}
	if _, err := s.QueryMem(t.Context()); !errors.Is(err, ErrUnsupported) {
		t.Fatalf("the session does not go on: %v", err)
	}
	if _, err := Renew(other, f.donor); err != nil {
		t.Fatal(err)
	}
	reload(t, donor, "authorities", "certificate")
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The old authority is taken away.
	for _, dir := range []string{f.donor, f.device} {
		text, err := os.ReadFile(filepath.Join(other, caCertFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := replaceFile(filepath.Join(dir, caCertFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []*Identity{donor, device} {
		// The list of the old authority is nobody's now.
		if news, err := id.Reload(false); !slices.Equal(news, []string{"authorities"}) || !errors.Is(err, ErrRevocationList) {
			t.Errorf("%v, %v", news, err)
		}
	}
	if err := errors.Join(s.Shown().Check(time.Now()), stub.session().Shown().Check(time.Now()), s.Err()); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
}

// TestReloadKeepsWhatWorks: files that cannot be used leave the identity as it was, part by part.
func TestReloadKeepsWhatWorks(t *testing.T) {
	f := newFolders(t)
	id := f.open(t, f.donor)
	serial := id.leaf().SerialNumber
	write := func(name, text string) {
		t.Helper()
		if err := replaceFile(filepath.Join(f.donor, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, want error) {
		t.Helper()
		if news, err := id.Reload(false); len(news) != 0 || !errors.Is(err, want) || id.leaf().SerialNumber != serial {
			t.Errorf("%s: %v, %v", what, news, err)
		}
		if news, err := id.Reload(false); len(news) != 0 || err != nil {
			t.Errorf("%s, with unchanged files: %v, %v", what, news, err)
		}
		if _, err := id.Reload(true); !errors.Is(err, want) {
			t.Errorf("%s, when asked to read again: %v", what, err)
		}
	}
	good, err := os.ReadFile(filepath.Join(f.donor, certFile))
	if err != nil {
		t.Fatal(err)
	}
	write(certFile, "half a certificate")
	refused("garbage", ErrIdentity)
	other := t.TempDir()
	if err := Issue(f.ca, filepath.Join(other, "x"), "another", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{certFile, keyFile} {
		text, err := os.ReadFile(filepath.Join(other, "x", name))
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(text))
		if name == certFile {
			refused("a certificate without its key", ErrIdentity)
		}
	}
	refused("another name", ErrIdentity)
	write(certFile, string(good))
	if err := os.Remove(f.list); err != nil {
		t.Fatal(err)
	}
	if _, err := id.Reload(false); !errors.Is(err, ErrRevocationList) {
		t.Errorf("a list that is gone: %v", err)
	}
	if len(id.now.Load().revoked) != 1 {
		t.Error("the revoked certificates are forgotten")
	}
}

// TestRecord: a CA knows what it has issued, and its list what it has revoked.
func TestRecord(t *testing.T) {
	ca := newCA(t)
	dir := t.TempDir()
	issue := func(name string, roles ...Role) {
		t.Helper()
		if err := Issue(ca, filepath.Join(dir, name), name, []string{"10.0.0.7", name + ".lan"}, roles...); err != nil {
			t.Fatal(err)
		}
	}
	issue("mem1", RoleDonor)
	issue("db1", RoleDevice, RoleViewer)
	if err := Issue(ca, filepath.Join(dir, "db1"), "db1", nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	renewed, err := Renew(ca, filepath.Join(dir, "db1"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := ListIssued(ca)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	first, second := list[1], list[2]
	if first.Name != "db1" || !slices.Equal(first.Roles, []Role{RoleDevice, RoleViewer}) || !slices.Equal(first.Hosts, []string{"10.0.0.7", "db1", "db1.lan"}) ||
		first.Serial == second.Serial || second.Serial != renewed.Serial || !slices.Equal(second.Roles, first.Roles) || !slices.Equal(second.Hosts, first.Hosts) {
		t.Errorf("issued %+v, renewed %+v", first, second)
	}
	if info, err := os.Stat(filepath.Join(ca, recordFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	shown, stated, by, err := ShowIdentity(filepath.Join(dir, "db1"))
	if err != nil || !stated || by != "test-ca" || shown.Serial != renewed.Serial {
		t.Errorf("%+v, %v, %s, %v", shown, stated, by, err)
	}
	for _, bad := range []string{"nobody", "", "../x", "abcd"} {
		if _, err := Revoke(ca, bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("revoke %q: %v", bad, err)
		}
	}
	if exists(RevocationList(ca)) {
		t.Error("a list without revocations")
	}
	one, err := Revoke(ca, first.Serial)
	if err != nil || len(one) != 1 || one[0].Serial != first.Serial || one[0].Revoked == nil {
		t.Fatalf("%+v, %v", one, err)
	}
	rest, err := Revoke(ca, "db1")
	if err != nil || len(rest) != 1 || rest[0].Serial != second.Serial {
		t.Fatalf("%+v, %v", rest, err)
	}
	if again, err := Revoke(ca, "db1"); err != nil || len(again) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	anchors, _, err := readAnchors(ca)
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := readRevocations(RevocationList(ca), anchors)
	if err != nil || len(revoked) != 2 {
		t.Errorf("%v, %v", revoked, err)
	}
	stranger, _, err := readAnchors(newCA(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readRevocations(RevocationList(ca), stranger); !errors.Is(err, ErrRevocationList) {
		t.Errorf("the list of another CA: %v", err)
	}
}
