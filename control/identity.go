package control

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Identity is the certificate and key that this machine shows to its peers, and the CA that it
// trusts. It is immutable.
type Identity struct {
	Name     string    // the certificate's common name
	NotAfter time.Time // end of the certificate's validity

	cert  tls.Certificate
	roots *x509.CertPool
}

// LoadIdentity reads the files that Issue wrote. The error is ErrIdentity if a file is missing,
// unreadable or of another identity, or if other users can read the key. It is ErrExpired if a
// certificate is outside its dates, and ErrUntrusted if another CA signed it.
func LoadIdentity(dir string) (*Identity, error) {
	return loadIdentityAt(dir, time.Now())
}

func loadIdentityAt(dir string, now time.Time) (*Identity, error) {
	root, err := readCertificate(filepath.Join(dir, caCertFile), ErrIdentity)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, certFile)
	cert, err := readCertificate(path, ErrIdentity)
	if err != nil {
		return nil, err
	}
	key, err := readKey(filepath.Join(dir, keyFile), cert, ErrIdentity)
	if err != nil {
		return nil, err
	}
	if err := checkDates(cert, path, now); err != nil {
		return nil, err
	}
	if err := checkDates(root, filepath.Join(dir, caCertFile), now); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCA, err)
	}
	if !ValidName(cert.Subject.CommonName) {
		return nil, fmt.Errorf("%s: %w: its name is %q: want 1 to %d letters, digits, dots, dashes or underscores",
			path, ErrIdentity, cert.Subject.CommonName, maxNameLen)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	opts := x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := cert.Verify(opts); err != nil {
		return nil, fmt.Errorf("%s: %w: %w: the CA in %s did not sign it (%w)", path, ErrIdentity, ErrUntrusted, caCertFile, err)
	}
	return &Identity{
		Name:     cert.Subject.CommonName,
		NotAfter: cert.NotAfter,
		cert:     tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert},
		roots:    roots,
	}, nil
}

// Covers returns nil if devices that dial this machine as host accept its certificate, and a
// HostError otherwise.
func (id *Identity) Covers(host string) error {
	cert := id.cert.Leaf
	if cert.VerifyHostname(host) == nil {
		return nil
	}
	return &HostError{Certificate: fmt.Sprintf("certificate %q", id.Name), Hosts: hostsOf(cert), Host: oneLine(host)}
}

// ClientConfig returns the TLS configuration of a device that dials a host. The donor must show a
// certificate of the same CA for that host. The device shows its certificate to a donor of another
// CA, too, so that the donor can log its name.
func (id *Identity) ClientConfig(host string) *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &id.cert, nil },
		RootCAs:              id.roots,
		ServerName:           host,
		VerifyConnection:     verifyName,
	}
}

// ServerConfig returns the TLS configuration of a donor. A device must show a certificate of the same
// CA. TLS resumes no session, so every connection is checked.
func (id *Identity) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{id.cert},
		ClientCAs:              id.roots,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection:       verifyName,
	}
}

// verifyName checks the name of the peer's certificate. crypto/tls calls it after it has verified the
// chain.
func verifyName(cs tls.ConnectionState) error {
	if name := cs.PeerCertificates[0].Subject.CommonName; !ValidName(name) {
		return fmt.Errorf("%w: the certificate has the name %q", ErrUntrusted, oneLine(name))
	}
	return nil
}

// readPEM reads the first block of a file. Errors wrap unusable: ErrIdentity or ErrCA, depending on
// what the file is part of.
func readPEM(path, block string, unusable error) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %w", path, unusable, os.ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", unusable, err)
	}
	b, _ := pem.Decode(data)
	if b == nil || b.Type != block {
		return nil, fmt.Errorf("%s: %w: it has no PEM block %q", path, unusable, block)
	}
	return b.Bytes, nil
}

func readCertificate(path string, unusable error) (*x509.Certificate, error) {
	der, err := readPEM(path, "CERTIFICATE", unusable)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, unusable, err)
	}
	return cert, nil
}

// readKey reads the private key of a certificate.
func readKey(path string, cert *x509.Certificate, unusable error) (crypto.Signer, error) {
	der, err := readPEM(path, "PRIVATE KEY", unusable)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: %w", unusable, err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w: mode %#o: %w", path, unusable, info.Mode().Perm(), ErrKeyExposed)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
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

func checkDates(cert *x509.Certificate, path string, now time.Time) error {
	if wrong := outside(cert, now); wrong != "" {
		return fmt.Errorf("%s: %w: %s: renew it, or set this machine's clock", path, ErrExpired, wrong)
	}
	return nil
}
