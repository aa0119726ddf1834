package control

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/farswap/farswap/internal/owned"
)

// papers is what an Identity has at one moment. Nobody changes it.
type papers struct {
	cert    tls.Certificate // Leaf is set
	anchors []*x509.Certificate
	roots   *x509.CertPool // of anchors
	revoked revocations
}

// Names of the files of an identity. Those of Issue come first. The second ones are what cert-manager
// and Kubernetes call theirs.
var (
	certNames = []string{certFile, "tls.crt"}
	keyNames  = []string{keyFile, "tls.key"}
)

// findFile returns the path of the first of names that is in dir, else of the first.
func findFile(dir string, names []string) string {
	for _, name := range names {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	return filepath.Join(dir, names[0])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readPair reads a certificate, those of the authorities between it and the root, and its key.
func readPair(dir string) (tls.Certificate, error) {
	path := findFile(dir, certNames)
	chain, err := readCertificates(path, ErrIdentity)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readKey(findFile(dir, keyNames), chain[0], ErrIdentity)
	if err != nil {
		return tls.Certificate{}, err
	}
	if name := nameOf(chain[0]); !ValidName(name) {
		return tls.Certificate{}, fmt.Errorf("%s: %w: its name is %q: want 1 to %d letters, digits, dots, dashes or underscores",
			path, ErrIdentity, oneLine(name), maxNameLen)
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

// readAnchors reads the certificates of the authorities that an identity trusts: one, and two while
// the authority is replaced.
func readAnchors(dir string) ([]*x509.Certificate, *x509.CertPool, error) {
	anchors, err := readCertificates(filepath.Join(dir, caCertFile), ErrIdentity)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range anchors {
		pool.AddCert(c)
	}
	return anchors, pool, nil
}

// authorities are those whose revocation lists count: those that an identity trusts, and those between
// one of them and its own certificate.
func authorities(anchors []*x509.Certificate, own tls.Certificate) []*x509.Certificate {
	list := slices.Clone(anchors)
	for _, der := range own.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil && c.IsCA {
			list = append(list, c)
		}
	}
	return list
}

// checkOwn checks an identity's certificate as its peers will.
func checkOwn(pair tls.Certificate, anchors []*x509.Certificate, roots *x509.CertPool, dir string, now time.Time) error {
	if err := checkDates(pair.Leaf, findFile(dir, certNames), now); err != nil {
		return err
	}
	var ended error
	valid := false
	for _, c := range anchors {
		err := checkDates(c, filepath.Join(dir, caCertFile), now)
		ended, valid = errors.Join(ended, err), valid || err == nil
	}
	if !valid {
		return fmt.Errorf("%w: %w", ErrCA, ended)
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := pair.Leaf.Verify(opts); err != nil {
		return fmt.Errorf("%s: %w: %w: the CA in %s did not sign it (%w)", findFile(dir, certNames), ErrIdentity, ErrUntrusted, caCertFile, err)
	}
	return nil
}

// nameOf is the name of a certificate: its common name, or its first host name if it has none, as
// certificates of cert-manager often do not.
func nameOf(cert *x509.Certificate) string {
	if cert.Subject.CommonName == "" && len(cert.DNSNames) > 0 {
		return cert.DNSNames[0]
	}
	return cert.Subject.CommonName
}

// maxFile bounds a file of an identity, in bytes.
const maxFile = 1 << 20

// readBlocks returns the PEM blocks of a file whose type is among types, at least one. It passes over
// others, such as the parameters that openssl writes before a key. Errors wrap unusable: ErrIdentity
// or ErrCA, depending on what the file is part of.
func readBlocks(path string, unusable error, types ...string) ([]*pem.Block, error) {
	data, err := owned.Read(path, maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %w", path, unusable, os.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", unusable, err)
	}
	var blocks []*pem.Block
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		for _, t := range types {
			if b.Type == t {
				blocks = append(blocks, b)
			}
		}
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%s: %w: it has no PEM block %q", path, unusable, types[0])
	}
	return blocks, nil
}

// readCertificates reads all certificates of a file, at least one.
func readCertificates(path string, unusable error) ([]*x509.Certificate, error) {
	blocks, err := readBlocks(path, unusable, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, b := range blocks {
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", path, unusable, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// readKey reads the private key of a certificate.
func readKey(path string, cert *x509.Certificate, unusable error) (crypto.Signer, error) {
	blocks, err := readBlocks(path, unusable, "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: %w", unusable, err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w: mode %#o: %w", path, unusable, info.Mode().Perm(), ErrKeyExposed)
	}
	key, err := parseKey(blocks[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, unusable, err)
	}
	signer, ok := key.(crypto.Signer)
	if ok {
		public, equals := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
		ok = equals && public.Equal(cert.PublicKey)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w: the key does not belong to the certificate beside it", path, unusable)
	}
	return signer, nil
}

// parseKey reads PKCS #8, which Issue writes, and the two older forms of openssl.
func parseKey(b *pem.Block) (any, error) {
	switch b.Type {
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(b.Bytes)
	}
	return x509.ParsePKCS8PrivateKey(b.Bytes)
}

func checkDates(cert *x509.Certificate, path string, now time.Time) error {
	if wrong := outside(cert, now); wrong != "" {
		return fmt.Errorf("%s: %w: %s: renew it, or set this machine's clock", path, ErrExpired, wrong)
	}
	return nil
}

// sameCertificates compares two lists.
func sameCertificates(a, b []*x509.Certificate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Raw, b[i].Raw) {
			return false
		}
	}
	return true
}
