package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// withRoles issues an identity for the loopback address.
func withRoles(t *testing.T, ca, name string, roles ...Role) *Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := Issue(ca, dir, name, []string{"127.0.0.1"}, roles...); err != nil {
		t.Fatal(err)
	}
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestRoles: a donor serves devices only, and a device uses donors only. Each says which role is
// missing.
func TestRoles(t *testing.T) {
	checkFDs(t)
	ca := newCA(t)
	ids := map[string]*Identity{"all": withRoles(t, ca, "all"), "two": withRoles(t, ca, "two", RoleDonor, RoleDevice)}
	for _, r := range Roles {
		ids[string(r)] = withRoles(t, ca, string(r), r)
	}
	for _, c := range []struct {
		donor, device string
		says          string // empty: they open a session
	}{
		{"donor", "device", ""},
		{"all", "all", ""},
		{"two", "two", ""},
		{"device", "device", `the peer's certificate "device" has the role device, and TLS`},
		{"viewer", "device", `the peer's certificate "viewer" has the role viewer, and not donor`},
		{"donor", "donor", `the peer's certificate "donor" has the role donor, and TLS`},
		{"donor", "viewer", `the peer's certificate "viewer" has the role viewer, and not device`},
	} {
		stub := &donorStub{}
		site := serveOn(t, stub, ListenConfig{Identity: ids[c.donor], Timing: quick})
		cfg := dialConfig()
		cfg.Insecure, cfg.Identity = false, ids[c.device]
		s, err := Dial(t.Context(), site.addr, cfg)
		if err == nil {
			_ = s.Close()
		}
		if err != nil {
			eventually(t, "the donor refuses it", func() bool { return len(site.rejections()) > 0 })
		}
		site.stop()
		switch {
		case c.says == "":
			if err != nil {
				t.Errorf("donor %s, device %s: %v", c.donor, c.device, err)
			}
		case c.device != "device": // the donor finds out
			if all := site.rejections(); err == nil || len(all) != 1 || !errors.Is(all[0], ErrRole) || !strings.Contains(all[0].Error(), c.says) {
				t.Errorf("donor %s, device %s: %v, the donor says %v", c.donor, c.device, err, all)
			}
		default:
			if !errors.Is(err, ErrRole) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("donor %s, device %s: %v, want %q", c.donor, c.device, err, c.says)
			}
		}
	}
	if err := ids["viewer"].Allows(RoleDonor, RoleDevice); !errors.Is(err, ErrRole) || !strings.Contains(err.Error(), "not donor or device") {
		t.Errorf("allows: %v", err)
	}
	if _, err := ParseRole("admin"); !errors.Is(err, ErrInvalid) {
		t.Errorf("role admin: %v", err)
	}
}

// foreign is an authority that is not of this package, in the shape of openssl or cert-manager.
type foreign struct {
	t    *testing.T
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

func newForeign(t *testing.T, subject string) *foreign {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"example"}, CommonName: subject},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &foreign{t, cert, key}
}

// below makes an authority that this one has signed.
func (f *foreign) below(subject string) *foreign {
	f.t.Helper()
	sub := newForeign(f.t, subject)
	template := *sub.cert
	template.SerialNumber = big.NewInt(7)
	der, err := x509.CreateCertificate(rand.Reader, &template, f.cert, sub.key.Public(), f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	if sub.cert, err = x509.ParseCertificate(der); err != nil {
		f.t.Fatal(err)
	}
	return sub
}

// issue writes the files of an identity with the names that Kubernetes gives them. The key is in the old
// form of openssl, after its parameters.
func (f *foreign) issue(serial int64, template x509.Certificate, root *foreign) *Identity {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(serial)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	der, err := x509.CreateCertificate(rand.Reader, &template, f.cert, key.Public(), f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	dir := f.t.TempDir()
	for name, data := range map[string][]byte{
		"tls.crt": slices.Concat(block("CERTIFICATE", der), block("CERTIFICATE", f.cert.Raw)),
		"tls.key": slices.Concat(block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), block("EC PRIVATE KEY", keyDER)),
		"ca.crt":  block("CERTIFICATE", root.cert.Raw),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	id, err := LoadIdentity(dir)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

// TestForeignAuthority: certificates that another program has made work, with an authority in between,
// with roles and without.
func TestForeignAuthority(t *testing.T) {
	checkFDs(t)
	root := newForeign(t, "Example Root")
	between := root.below("Example Issuing CA")
	role := func(r string) []*url.URL {
		return []*url.URL{{Scheme: "spiffe", Host: "example", Path: "/x"}, {Scheme: "farswap", Opaque: r}}
	}
	server, client := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	both := append(slices.Clone(server), client...)
	donors := []*Identity{
		between.issue(10, x509.Certificate{DNSNames: []string{"mem1.lan"}, ExtKeyUsage: server}, root), // no common name
		between.issue(11, x509.Certificate{Subject: pkix.Name{CommonName: "mem2"}, ExtKeyUsage: both, URIs: role("donor")}, root),
		root.issue(12, x509.Certificate{Subject: pkix.Name{CommonName: "mem3"}}, root), // good for all
	}
	devices := []*Identity{
		between.issue(20, x509.Certificate{Subject: pkix.Name{CommonName: "db1"}, ExtKeyUsage: client}, root),
		between.issue(21, x509.Certificate{Subject: pkix.Name{CommonName: "db2"}, ExtKeyUsage: both, URIs: role("device")}, root),
	}
	if one, stated := donors[0].Describe(); stated || one.Name != "mem1.lan" || !slices.Equal(one.Roles, []Role{RoleDonor}) {
		t.Errorf("%+v, stated %v", one, stated)
	}
	if one, stated := donors[1].Describe(); !stated || one.Serial != "0B" || !slices.Equal(one.Roles, []Role{RoleDonor}) {
		t.Errorf("%+v, stated %v", one, stated)
	}
	open := func(donor, device *Identity) error {
		site := serveOn(t, &donorStub{}, ListenConfig{Identity: donor, Timing: quick})
		defer site.stop()
		cfg := dialConfig()
		cfg.Insecure, cfg.Identity = false, device
		s, err := Dial(t.Context(), site.addr, cfg)
		if err == nil {
			err = s.Close()
		}
		return err
	}
	for _, donor := range donors {
		for _, device := range devices {
			if err := open(donor, device); err != nil {
				t.Errorf("donor %s, device %s: %v", donor.Name, device.Name, err)
			}
		}
	}
	if err := open(devices[1], devices[0]); !errors.Is(err, ErrRole) {
		t.Errorf("a device as donor: %v", err)
	}
	if err := open(donors[1], donors[1]); err == nil {
		t.Error("a donor as device has a session")
	}
}
