package control

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newCA makes a CA and returns its folder.
func newCA(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	if err := InitCA(dir, "test-ca"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func identity(t *testing.T, ca, name string, hosts ...string) *Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := Issue(ca, dir, name, hosts); err != nil {
		t.Fatal(err)
	}
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIssueAndLoad(t *testing.T) {
	ca := newCA(t)
	dir := t.TempDir()
	if err := Issue(ca, dir, "donor-1", []string{"10.0.0.7", "::1", "rack.example.org"}); err != nil {
		t.Fatal(err)
	}
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	if id.Name != "donor-1" || time.Until(id.NotAfter()) < 365*24*time.Hour {
		t.Errorf("identity %q until %v", id.Name, id.NotAfter())
	}
	for _, h := range []string{"donor-1", "10.0.0.7", "::1", "rack.example.org"} {
		if err := id.Covers(h); err != nil {
			t.Error(err)
		}
	}
	for _, h := range []string{"donor-2", "10.0.0.8", "example.org", "::2"} {
		err := id.Covers(h)
		var wrong *HostError
		if !errors.Is(err, ErrUntrusted) || !errors.As(err, &wrong) || wrong.Host != h || !strings.Contains(err.Error(), "rack.example.org") {
			t.Errorf("%s: %v", h, err)
		}
	}
	for _, path := range []string{
		filepath.Join(ca, caCertFile), filepath.Join(ca, caKeyFile),
		filepath.Join(dir, caCertFile), filepath.Join(dir, certFile), filepath.Join(dir, keyFile),
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s %x", Secret{9}, Secret{9}, Secret{9}, Secret{9}, Secret{9}); strings.Contains(s, "9") {
		t.Errorf("a secret printed as %s", s)
	}
}

// TestEd25519Identity: earlier releases issued identities with Ed25519 keys, which stay valid.
func TestEd25519Identity(t *testing.T) {
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(nil, cert, cert, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	if err := writeNew(dir, []file{{caCertFile, certPEM}, {certFile, certPEM}, {keyFile, keyPEM}}); err != nil {
		t.Fatal(err)
	}
	if id, err := LoadIdentity(dir); err != nil || id.Name != "old" {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	ca := newCA(t)
	before, err := os.ReadFile(filepath.Join(ca, caKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := InitCA(ca, "again"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second CA: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(ca, caKeyFile)); err != nil || string(after) != string(before) {
		t.Error("the CA's key changed")
	}

	dir := t.TempDir()
	stray := filepath.Join(dir, keyFile) // the last file that Issue writes
	if err := os.WriteFile(stray, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Issue(ca, dir, "d", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("issue over a file: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(stray); len(entries) != 1 || err != nil || string(got) != "mine" {
		t.Errorf("left behind: %v, %q", entries, got)
	}
}

func TestIssueRefuses(t *testing.T) {
	ca := newCA(t)
	for _, c := range []struct {
		name, ca, as string
		hosts        []string
		want         error
	}{
		{"no CA", t.TempDir(), "d", nil, ErrCA},
		{"empty name", ca, "", nil, ErrInvalid},
		{"path as name", ca, "../d", nil, ErrInvalid},
		{"host with port", ca, "d", []string{"h:1"}, ErrInvalid},
		{"empty host", ca, "d", []string{""}, ErrInvalid},
		{"host with underscore", ca, "d", []string{"a_b"}, ErrInvalid},
	} {
		out := filepath.Join(t.TempDir(), "out")
		err := Issue(c.ca, out, c.as, c.hosts)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", c.name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: made the folder", c.name)
		}
	}
	if err := InitCA(filepath.Join(t.TempDir(), "x"), "a b"); !errors.Is(err, ErrInvalid) {
		t.Errorf("CA with a space: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyFrom := func(dir, from, name string) {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		write(dir, name, string(b))
	}
	for _, c := range []struct {
		name  string
		spoil func(dir string)
		at    time.Duration // from now
		want  error
		says  string
	}{
		{"no files", func(dir string) { _ = os.RemoveAll(dir) }, 0, ErrIdentity, caCertFile},
		{"no key", func(dir string) { _ = os.Remove(filepath.Join(dir, keyFile)) }, 0, ErrIdentity, keyFile},
		{"no certificate", func(dir string) { _ = os.Remove(filepath.Join(dir, certFile)) }, 0, fs.ErrNotExist, certFile},
		{"garbage", func(dir string) { write(dir, certFile, "hello") }, 0, ErrIdentity, "no PEM block"},
		{"garbage in PEM", func(dir string) {
			write(dir, certFile, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")
		}, 0, ErrIdentity, certFile},
		{"key of another", func(dir string) {
			d := t.TempDir()
			if err := Issue(ca, d, "x", nil); err != nil {
				t.Fatal(err)
			}
			copyFrom(dir, d, keyFile)
		}, 0, ErrIdentity, "does not belong"},
		{"key for all", func(dir string) { _ = os.Chmod(filepath.Join(dir, keyFile), 0o644) }, 0, ErrIdentity, "chmod 600"},
		{"wrong CA", func(dir string) { copyFrom(dir, other, caCertFile) }, 0, ErrUntrusted, "did not sign it"},
		{"expired", func(string) {}, identityLife + time.Hour, ErrExpired, "it ended 20"},
		{"not yet valid", func(string) {}, -2 * clockSkew, ErrExpired, "set this machine's clock"},
	} {
		dir := t.TempDir()
		if err := Issue(ca, dir, "d", nil); err != nil {
			t.Fatal(err)
		}
		c.spoil(dir)
		_, err := loadIdentityAt(dir, time.Now().Add(c.at))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		} else if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v: want one line that says %q", c.name, err, c.says)
		}
	}
}
