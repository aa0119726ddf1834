package control

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Files of a CA's folder (ca.crt, ca.key) and of an identity's (ca.crt,
// identity.crt, identity.key).
const (
	caCertFile = "ca.crt"
	caKeyFile  = "ca.key"
	certFile   = "identity.crt"
	keyFile    = "identity.key"
)

const (
	caLife       = 10 * 365 * 24 * time.Hour
	identityLife = 2 * 365 * 24 * time.Hour
	clockSkew    = time.Hour // a certificate begins to be valid this long before Issue makes it
)

// InitCA makes a certificate authority in dir. Every identity contains a copy of ca.crt; ca.key
// signs identities and stays in dir. InitCA overwrites nothing (fs.ErrExist) and leaves no file
// behind on an error. A bad name is ErrInvalid.
func InitCA(dir, name string) error { return initCAAt(dir, name, time.Now()) }

func initCAAt(dir, name string, now time.Time) error {
	if !ValidName(name) {
		return fmt.Errorf("make a CA named %q: %w: want 1 to %d letters, digits, dots, dashes or underscores", name, ErrInvalid, maxNameLen)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, key, err := sign(template, nil, nil, now, caLife)
	if err != nil {
		return fmt.Errorf("make a CA in %s: %w", dir, err)
	}
	if err := writeNew(dir, []file{{caCertFile, cert}, {caKeyFile, key}}); err != nil {
		return fmt.Errorf("make a CA in %s: %w", dir, err)
	}
	return nil
}

// Issue makes an identity in outDir and signs it with the CA in caDir. Peers know the identity by
// its name. hosts are the host names and IP addresses under which devices reach a donor; Issue adds
// the name itself. roles are what the machine may be; without any it may be all. Issue overwrites
// nothing (fs.ErrExist) and leaves no file behind in outDir on an error. A bad name is ErrInvalid. An
// unusable CA is ErrCA, and also ErrExpired if it is outside its dates.
func Issue(caDir, outDir, name string, hosts []string, roles ...Role) error {
	return issueAt(caDir, outDir, name, hosts, time.Now(), roles...)
}

func issueAt(caDir, outDir, name string, hosts []string, now time.Time, roles ...Role) error {
	template, err := templateOf(name, hosts, roles)
	if err != nil {
		return err
	}
	ca, err := openCA(caDir, now)
	if err != nil {
		return err
	}
	defer ca.close()
	cert, key, err := ca.sign(template, now)
	if err != nil {
		return fmt.Errorf("issue an identity in %s: %w", outDir, err)
	}
	// The record comes first: a certificate that is not in it could not be revoked by its name.
	err = ca.record(template)
	if err == nil {
		if err = writeNew(outDir, []file{{caCertFile, ca.pem()}, {certFile, cert}, {keyFile, key}}); err != nil {
			err = errors.Join(err, ca.strike(template))
		}
	}
	if err != nil {
		return fmt.Errorf("issue an identity in %s: %w", outDir, err)
	}
	return nil
}

// templateOf is the certificate of an identity before it is signed.
func templateOf(name string, hosts []string, roles []Role) (*x509.Certificate, error) {
	if !ValidName(name) {
		return nil, fmt.Errorf("issue an identity named %q: %w: want 1 to %d letters, digits, dots, dashes or underscores", name, ErrInvalid, maxNameLen)
	}
	if len(roles) == 0 {
		roles = Roles
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature}
	for _, r := range roles {
		template.URIs = append(template.URIs, r.uri())
		for _, usage := range r.usage() {
			if !slices.Contains(template.ExtKeyUsage, usage) {
				template.ExtKeyUsage = append(template.ExtKeyUsage, usage)
			}
		}
	}
	for _, h := range append([]string{name}, hosts...) {
		switch ip := net.ParseIP(withoutZone(h)); {
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case validHost(h):
			template.DNSNames = append(template.DNSNames, h)
		case h != name: // a name with an underscore is not a host name; that is fine
			return nil, fmt.Errorf("issue an identity for host %q: %w: want a host name or an IP address, without a port", h, ErrInvalid)
		}
	}
	return template, nil
}

// sign makes a key pair and its certificate as PEM. Without a parent the certificate signs itself.
// A certificate ends with its parent at the latest. The curve is P-256, because browsers read the
// dashboard and do not support Ed25519 in TLS.
func sign(template, parent *x509.Certificate, parentKey crypto.Signer, now time.Time, life time.Duration) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, parentKey = template, private
	}
	template.NotBefore, template.NotAfter = now.Add(-clockSkew), now.Add(life)
	if parent != template && template.NotAfter.After(parent.NotAfter) {
		template.NotAfter = parent.NotAfter
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), parentKey)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

type file struct {
	name string
	data []byte
}

// writeNew writes all files with mode 0600, or none: when one fails, it removes those that it made
// before. It does not touch a file that exists.
func writeNew(dir string, files []file) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%w: remove it, or choose another folder", err)
		} else if err != nil {
			return err
		}
		made = append(made, path)
		_, err = w.Write(f.data)
		if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
			return err
		}
	}
	return nil
}

// validHost reports whether s is a DNS name: dot-separated labels of letters, digits and inner
// dashes.
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			!ValidName(label) || strings.Contains(label, "_") {
			return false
		}
	}
	return true
}
