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
	clockSkew    = time.Hour // a certificate is valid this long before it was made
)

// InitCA makes a certificate authority in dir: ca.crt goes with every identity,
// ca.key signs them and stays here. Nothing is overwritten (fs.ErrExist); on an
// error no file is left behind. A bad name is ErrInvalid.
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
		KeyUsage:              x509.KeyUsageCertSign,
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

// Issue makes an identity in outDir, signed by the CA in caDir. The name is what
// peers know it by. A donor's identity lists the host names and IP addresses
// that devices reach it under; the name itself is always one of them. Nothing is
// overwritten (fs.ErrExist); on an error no file is left behind. Bad names are
// ErrInvalid, an unusable CA is ErrCA, one outside its dates also ErrExpired.
func Issue(caDir, outDir, name string, hosts []string) error {
	return issueAt(caDir, outDir, name, hosts, time.Now())
}

func issueAt(caDir, outDir, name string, hosts []string, now time.Time) error {
	if !ValidName(name) {
		return fmt.Errorf("issue an identity named %q: %w: want 1 to %d letters, digits, dots, dashes or underscores", name, ErrInvalid, maxNameLen)
	}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: name},
		KeyUsage: x509.KeyUsageDigitalSignature,
		// One machine can be a device and a donor.
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, h := range append([]string{name}, hosts...) {
		switch ip := net.ParseIP(h); {
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case validHost(h):
			template.DNSNames = append(template.DNSNames, h)
		case h != name: // a name with an underscore is no host, and need not be
			return fmt.Errorf("issue an identity for host %q: %w: want a host name or an IP address, without a port", h, ErrInvalid)
		}
	}
	caCert, err := readCertificate(filepath.Join(caDir, caCertFile), ErrCA)
	if err != nil {
		return err
	}
	if err := checkDates(caCert, filepath.Join(caDir, caCertFile), now); err != nil {
		return fmt.Errorf("%w: %w", ErrCA, err)
	}
	caKey, err := readKey(filepath.Join(caDir, caKeyFile), caCert, ErrCA)
	if err != nil {
		return err
	}
	cert, key, err := sign(template, caCert, caKey, now, identityLife)
	if err != nil {
		return fmt.Errorf("issue an identity in %s: %w", outDir, err)
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caCert.Raw})
	if err := writeNew(outDir, []file{{caCertFile, root}, {certFile, cert}, {keyFile, key}}); err != nil {
		return fmt.Errorf("issue an identity in %s: %w", outDir, err)
	}
	return nil
}

// sign makes a key pair and its certificate as PEM; without a parent the
// certificate signs itself. It never outlives its parent. Keys are of P-256:
// browsers, which read the dashboard, know no Ed25519 in TLS.
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

// writeNew writes all files, mode 0600, or none: those that it made are removed
// when a later one fails. One that exists stays as it is.
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

// validHost accepts DNS names: dot-separated labels of letters, digits and inner
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
