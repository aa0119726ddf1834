package control

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/farswap/farswap/internal/owned"
)

// listFile is the revocation list of a CA.
const listFile = "ca.crl"

// ListIssued returns what a CA has issued, in the order in which it did. Certificates of releases
// before the record are not in it. Errors are ErrCA.
func ListIssued(caDir string) ([]Issued, error) {
	if _, err := readCertificates(filepath.Join(caDir, caCertFile), ErrCA); err != nil {
		return nil, err
	}
	return readRecord(caDir)
}

// RevocationList is where Revoke writes the revocation list of a CA.
func RevocationList(caDir string) string { return filepath.Join(caDir, listFile) }

// Revoke revokes all certificates of a name that have not ended, or the one with a serial number in
// hexadecimal digits, and writes the CA's revocation list anew, also if all are revoked already. A
// serial number that the CA has no record of is revoked as well. It returns what is newly revoked. A
// name without certificates is ErrInvalid.
func Revoke(caDir, nameOrSerial string) ([]Issued, error) {
	return revokeAt(caDir, nameOrSerial, time.Now())
}

func revokeAt(caDir, nameOrSerial string, now time.Time) ([]Issued, error) {
	ca, err := openCA(caDir, now)
	if err != nil {
		return nil, err
	}
	defer ca.close()
	list, err := readRecord(caDir)
	if err != nil {
		return nil, err
	}
	at := now.UTC().Truncate(time.Second)
	var revoked []Issued
	found := false
	serial, isSerial := cleanSerial(nameOrSerial)
	for i := range list {
		one := &list[i]
		if (one.Name != nameOrSerial || now.After(one.NotAfter)) && one.Serial != serial {
			continue
		}
		found = true
		if one.Revoked == nil {
			one.Revoked = &at
			revoked = append(revoked, *one)
		}
	}
	switch {
	case found:
	case isSerial && len(serial) >= 16: // not a name that happens to be digits
		list = append(list, Issued{Serial: serial, Roles: []Role{}, Hosts: []string{}, NotBefore: at, NotAfter: ca.cert.NotAfter.UTC(), Revoked: &at})
		revoked = append(revoked, list[len(list)-1])
	default:
		return nil, fmt.Errorf("revoke %q: %w: the CA has no record of a certificate with this name that has not ended: give its serial number", oneLine(nameOrSerial), ErrInvalid)
	}
	if err := ca.writeRecord(list); err != nil {
		return nil, fmt.Errorf("revoke %q: %w", oneLine(nameOrSerial), err)
	}
	if err := ca.publish(list, now); err != nil {
		return nil, fmt.Errorf("revoke %q: %w", oneLine(nameOrSerial), err)
	}
	return revoked, nil
}

// cleanSerial reads a serial number as openssl and this package write it, with or without colons.
func cleanSerial(text string) (string, bool) {
	digits := strings.ToUpper(strings.ReplaceAll(text, ":", ""))
	if digits == "" || len(digits)%2 == 1 || strings.Trim(digits, "0123456789ABCDEF") != "" {
		return "", false
	}
	return digits, true
}

// ShowIdentity describes the certificate in an identity's folder, whatever its dates. Stated says
// whether it states its roles.
func ShowIdentity(dir string) (i Issued, stated bool, authority string, err error) {
	certs, err := readCertificates(findFile(dir, certNames), ErrIdentity)
	if err != nil {
		return Issued{}, false, "", err
	}
	_, stated = rolesOf(certs[0])
	return issuedOf(certs[0]), stated, issuer(certs[0]), nil
}

// Renew issues the identity in a folder anew, with another key, under the same name and for the same
// hosts. roles are those of the new certificate; without any they stay. A certificate that states no
// role gets those that it could be used for. The CA may be another one than before: then the identity
// trusts both, until somebody takes the old one out of its ca.crt. The files are replaced one by one,
// the key first; whoever reads them in between sees a pair that does not fit, and reads again.
func Renew(caDir, dir string, roles ...Role) (Issued, error) {
	return renewAt(caDir, dir, time.Now(), roles...)
}

func renewAt(caDir, dir string, now time.Time, roles ...Role) (Issued, error) {
	before, _, _, err := ShowIdentity(dir)
	if err != nil {
		return Issued{}, err
	}
	if len(roles) == 0 {
		roles = before.Roles
	}
	hosts := slices.DeleteFunc(slices.Clone(before.Hosts), func(h string) bool { return h == before.Name })
	template, err := templateOf(before.Name, hosts, roles)
	if err != nil {
		return Issued{}, err
	}
	ca, err := openCA(caDir, now)
	if err != nil {
		return Issued{}, err
	}
	defer ca.close()
	anchors, err := ca.joined(filepath.Join(dir, caCertFile))
	if err != nil {
		return Issued{}, err
	}
	cert, key, err := ca.sign(template, now)
	if err != nil {
		return Issued{}, fmt.Errorf("renew the identity in %s: %w", dir, err)
	}
	if err := ca.record(template); err != nil {
		return Issued{}, fmt.Errorf("renew the identity in %s: %w", dir, err)
	}
	for _, f := range []struct {
		path string
		data []byte
	}{
		{filepath.Join(dir, caCertFile), anchors}, {findFile(dir, keyNames), key}, {findFile(dir, certNames), cert},
	} {
		if err := replaceFile(f.path, f.data, 0o600); err != nil {
			return Issued{}, fmt.Errorf("renew the identity in %s: %w: renew it again, since not all of its files are new", dir, err)
		}
	}
	return issuedOf(template), nil
}

// joined is a file of trusted CAs with this one added, as PEM.
func (ca *authority) joined(path string) ([]byte, error) {
	old, err := owned.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	for rest := old; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if bytes.Equal(b.Bytes, ca.cert.Raw) {
			return old, nil
		}
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		old = append(old, '\n')
	}
	return append(old, ca.pem()...), nil
}
