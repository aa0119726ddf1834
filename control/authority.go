package control

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/farswap/farswap/internal/owned"
)

const (
	recordFile = "issued.json" // beside a CA's key: what it has issued
	maxRecord  = 256 << 20     // bytes of it: half a million certificates
)

// Issued is one certificate of a CA's record.
type Issued struct {
	Serial    string     `json:"serial"` // hexadecimal digits
	Name      string     `json:"name"`
	Roles     []Role     `json:"roles"`
	Hosts     []string   `json:"hosts"` // host names and addresses that it is for
	NotBefore time.Time  `json:"not_before"`
	NotAfter  time.Time  `json:"not_after"`
	Revoked   *time.Time `json:"revoked,omitempty"` // absent: it is not
}

// authority is a CA whose folder is locked: of several processes one at a time issues or revokes.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	lock *os.File
}

// openCA locks a CA's folder and reads its files. Errors are ErrCA, and also ErrExpired if it is outside
// its dates.
func openCA(dir string, now time.Time) (*authority, error) {
	path := filepath.Join(dir, caCertFile)
	certs, err := readCertificates(path, ErrCA)
	if err != nil {
		return nil, err
	}
	if err := checkDates(certs[0], path, now); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCA, err)
	}
	key, err := readKey(filepath.Join(dir, caKeyFile), certs[0], ErrCA)
	if err != nil {
		return nil, err
	}
	lock, err := owned.OpenRead(filepath.Join(dir, caKeyFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCA, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w: %w", lock.Name(), ErrCA, err), lock.Close())
	}
	return &authority{dir, certs[0], key, lock}, nil
}

// close gives the lock back.
func (ca *authority) close() { _ = ca.lock.Close() }

// pem is the CA's certificate, for an identity's folder.
func (ca *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

func (ca *authority) sign(template *x509.Certificate, now time.Time) (cert, key []byte, err error) {
	return sign(template, ca.cert, ca.key, now, identityLife)
}

// readRecord reads the record. A CA of an earlier release has none yet.
func readRecord(dir string) ([]Issued, error) {
	path := filepath.Join(dir, recordFile)
	data, err := owned.Read(path, maxRecord)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var list []Issued
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("record of certificates %s: %w: %w", path, ErrCA, err)
	}
	return list, nil
}

func (ca *authority) writeRecord(list []Issued) error {
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(ca.dir, recordFile), append(data, '\n'), 0o600)
}

// record adds a signed certificate.
func (ca *authority) record(cert *x509.Certificate) error {
	list, err := readRecord(ca.dir)
	if err != nil {
		return err
	}
	return ca.writeRecord(append(list, issuedOf(cert)))
}

// strike takes a certificate out of the record that has come to nothing.
func (ca *authority) strike(cert *x509.Certificate) error {
	list, err := readRecord(ca.dir)
	if err != nil {
		return err
	}
	kept := list[:0]
	for _, i := range list {
		if i.Serial != serialText(cert.SerialNumber) {
			kept = append(kept, i)
		}
	}
	return ca.writeRecord(kept)
}

// issuedOf describes a certificate.
func issuedOf(cert *x509.Certificate) Issued {
	i := Issued{
		Serial: serialText(cert.SerialNumber), Name: nameOf(cert), Roles: []Role{}, Hosts: []string{},
		NotBefore: cert.NotBefore.UTC().Truncate(time.Second), NotAfter: cert.NotAfter.UTC().Truncate(time.Second),
	}
	roles, _ := rolesOf(cert)
	i.Roles = append(i.Roles, roles...)
	for _, ip := range cert.IPAddresses {
		i.Hosts = append(i.Hosts, ip.String())
	}
	i.Hosts = append(i.Hosts, cert.DNSNames...)
	return i
}

// publish writes the CA's revocation list: all revoked certificates of the record. Its number is the
// time, so that it grows also when the list before it was deleted. It has no end before the CA's: a
// list that nobody renews must not end all swap.
func (ca *authority) publish(list []Issued, now time.Time) error {
	template := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-clockSkew), NextUpdate: ca.cert.NotAfter}
	for _, i := range list {
		if i.Revoked == nil {
			continue
		}
		serial, ok := new(big.Int).SetString(i.Serial, 16)
		if !ok {
			return fmt.Errorf("record of certificates in %s: %w: serial number %q", ca.dir, ErrCA, oneLine(i.Serial))
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: *i.Revoked})
	}
	issuer := *ca.cert
	issuer.KeyUsage |= x509.KeyUsageCRLSign // a CA of a release before revocation lists lacks it
	der, err := x509.CreateRevocationList(rand.Reader, template, &issuer, ca.key)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(ca.dir, listFile), pem.EncodeToMemory(&pem.Block{Type: listBlock, Bytes: der}), 0o644)
}

// replaceFile writes a file beside the old one and puts it in its place, so that a reader has one or the
// other whole. The new one belongs to whom the old one belonged.
func replaceFile(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if info, statErr := os.Stat(path); statErr == nil {
		owner := info.Sys().(*syscall.Stat_t)
		err = f.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
