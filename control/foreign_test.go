package control

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// revoke writes the revocation list of an authority.
func (f *foreign) revoke(path string, ids ...*Identity) {
	f.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, id := range ids {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: id.leaf().SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, f.cert, f.key)
	if err == nil {
		err = replaceFile(path, pem.EncodeToMemory(&pem.Block{Type: listBlock, Bytes: der}), 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// TestForeignRevocation: the list of an authority between the root and a certificate, which alone is
// trusted, ends the session of a certificate that it has signed.
func TestForeignRevocation(t *testing.T) {
	checkFDs(t)
	root := newForeign(t, "Example Root")
	between := root.below("Example Issuing CA")
	list := filepath.Join(t.TempDir(), "list")
	open := func(id *Identity) *Identity {
		t.Helper()
		listed, err := OpenIdentity(IdentityFiles{Dir: id.dir, Revoked: list})
		if err != nil {
			t.Fatal(err)
		}
		return listed
	}
	between.revoke(list)
	donor := open(between.issue(10, x509.Certificate{DNSNames: []string{"mem1.lan"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, root))
	device := open(between.issue(20, x509.Certificate{Subject: pkix.Name{CommonName: "db1"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, root))
	stub := &donorStub{}
	site := serveOn(t, stub, ListenConfig{Identity: donor, Timing: quick})
	cfg := dialConfig()
	cfg.Insecure, cfg.Identity = false, device
	s := mustDial(t, site.addr, cfg)
	between.revoke(list, device)
	reload(t, donor, "revocation list")
	<-s.Done()
	if there := stub.session(); !errors.Is(there.Err(), ErrRevoked) {
		t.Errorf("the session has ended: %v", there.Err())
	}
	if _, err := Dial(t.Context(), site.addr, cfg); err == nil {
		t.Error("another session with a revoked certificate")
	}
	// Who is trusted by nobody here has no say.
	newForeign(t, "Stranger").revoke(list, donor)
	if news, err := donor.Reload(false); len(news) != 0 || !errors.Is(err, ErrRevocationList) {
		t.Errorf("a stranger's list: %v, %v", news, err)
	}
}
