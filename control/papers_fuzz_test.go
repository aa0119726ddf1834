package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzPapers reads a file as each of those that an identity and an authority have. What cannot be
// used is an error of the right kind.
func FuzzPapers(f *testing.F) {
	dir := f.TempDir()
	ca, donor := filepath.Join(dir, "ca"), filepath.Join(dir, "donor")
	if err := errors.Join(InitCA(ca, "ca"), Issue(ca, donor, "donor", nil)); err != nil {
		f.Fatal(err)
	}
	if _, err := Revoke(ca, "donor"); err != nil {
		f.Fatal(err)
	}
	anchors, _, err := readAnchors(donor)
	if err != nil {
		f.Fatal(err)
	}
	issued, err := readCertificates(filepath.Join(donor, certFile), ErrIdentity)
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{
		filepath.Join(donor, certFile), filepath.Join(donor, keyFile), filepath.Join(ca, recordFile),
		filepath.Join(ca, caKeyFile), RevocationList(ca),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	f.Add([]byte("[{}]"))
	paper := filepath.Join(dir, recordFile) // readRecord gets a folder
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(paper, text, 0o600); err != nil {
			t.Fatal(err)
		}
		check := func(what string, err, want error) {
			t.Helper()
			if err != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := readCertificates(paper, ErrIdentity)
		check("certificates", err, ErrIdentity)
		_, err = readRevocations(paper, anchors)
		check("revocations", err, ErrRevocationList)
		_, err = readRecord(dir)
		check("record", err, ErrCA)
		if _, err = readKey(paper, issued[0], ErrIdentity); err == nil && !strings.Contains(string(text), "PRIVATE KEY") {
			t.Error("a key was made of nothing")
		}
		check("key", err, ErrIdentity)
	})
}
