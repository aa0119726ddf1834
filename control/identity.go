package control

import (
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/internal/filestate"
)

// Identity is the certificate and key that this machine shows to its peers, the CAs that it trusts, and
// the certificates that these have revoked. Reload reads its files again; Name never changes. Its
// methods may be called from any goroutine.
type Identity struct {
	Name string // of the certificate: its common name, or its first host name if it has none

	dir         string
	revokedPath string // empty: no list
	now         atomic.Pointer[papers]

	reloading sync.Mutex        // guards seen; held while files are read
	seen      []filestate.State // before the files were last read
}

// IdentityFiles are where an identity is. Revoked is a file of revocation lists of its CAs; empty: none.
type IdentityFiles struct {
	Dir     string
	Revoked string
}

// LoadIdentity reads the files that Issue wrote, or tls.crt, tls.key and ca.crt as cert-manager names
// them. The error is ErrIdentity if a file is missing, unreadable or of another identity, or if other
// users can read the key. It is ErrExpired if a certificate is outside its dates, and ErrUntrusted if
// another CA signed it.
func LoadIdentity(dir string) (*Identity, error) {
	return loadIdentityAt(dir, time.Now())
}

// OpenIdentity is LoadIdentity with a revocation list. The error is ErrRevocationList if that cannot be
// used.
func OpenIdentity(files IdentityFiles) (*Identity, error) {
	return openIdentityAt(files, time.Now())
}

func loadIdentityAt(dir string, now time.Time) (*Identity, error) {
	return openIdentityAt(IdentityFiles{Dir: dir}, now)
}

func openIdentityAt(files IdentityFiles, now time.Time) (*Identity, error) {
	id := &Identity{dir: files.Dir, revokedPath: files.Revoked}
	id.seen = id.states()
	anchors, roots, err := readAnchors(id.dir)
	if err != nil {
		return nil, err
	}
	pair, err := readPair(id.dir)
	if err != nil {
		return nil, err
	}
	if err := checkOwn(pair, anchors, roots, id.dir, now); err != nil {
		return nil, err
	}
	revoked, err := readRevocations(id.revokedPath, authorities(anchors, pair))
	if err != nil {
		return nil, err
	}
	id.Name = nameOf(pair.Leaf)
	id.now.Store(&papers{pair, anchors, roots, revoked})
	return id, nil
}

// states are those of all files.
func (id *Identity) states() []filestate.State {
	list := []filestate.State{
		filestate.Of(filepath.Join(id.dir, caCertFile)), filestate.Of(findFile(id.dir, certNames)), filestate.Of(findFile(id.dir, keyNames)),
	}
	if id.revokedPath != "" {
		list = append(list, filestate.Of(id.revokedPath))
	}
	return list
}

// Reload reads the files again that have changed since they were last read, or all of them if it must,
// and returns what is new, for people; empty: nothing. New handshakes and checks go by it. What cannot
// be used stays as it was, and the errors say why: a pair of files that is half written, a certificate
// of another name, a list of revocations that is gone.
func (id *Identity) Reload(must bool) (news []string, err error) {
	return id.reloadAt(must, time.Now())
}

func (id *Identity) reloadAt(must bool, now time.Time) (news []string, err error) {
	id.reloading.Lock()
	defer id.reloading.Unlock()
	states := id.states()
	changed := len(states) != len(id.seen) || must
	for i := range id.seen {
		changed = changed || !states[i].Same(id.seen[i])
	}
	if !changed {
		return nil, nil
	}
	id.seen = states
	old := id.now.Load()
	next := *old

	anchors, roots, anchorErr := readAnchors(id.dir)
	if anchorErr == nil && !sameCertificates(anchors, old.anchors) {
		next.anchors, next.roots = anchors, roots
		news = append(news, "authorities")
	}
	pair, pairErr := readPair(id.dir)
	if pairErr == nil && !pair.Leaf.Equal(old.cert.Leaf) {
		if pairErr = id.suits(pair, &next, now); pairErr == nil {
			next.cert = pair
			news = append(news, "certificate")
		}
	}
	revoked, listErr := readRevocations(id.revokedPath, authorities(next.anchors, next.cert))
	if listErr == nil && !sameRevocations(revoked, old.revoked) {
		next.revoked = revoked
		news = append(news, "revocation list")
	}
	if len(news) > 0 {
		id.now.Store(&next)
	}
	return news, errors.Join(anchorErr, pairErr, listErr)
}

// suits says whether a certificate can take the place of the one that is used.
func (id *Identity) suits(pair tls.Certificate, p *papers, now time.Time) error {
	if name := nameOf(pair.Leaf); name != id.Name {
		return fmt.Errorf("%s: %w: it is named %q, and this process runs as %q: restart it to change the name",
			findFile(id.dir, certNames), ErrIdentity, oneLine(name), id.Name)
	}
	return checkOwn(pair, p.anchors, p.roots, id.dir, now)
}

func sameRevocations(a, b revocations) bool {
	if len(a) != len(b) {
		return false
	}
	for r := range a {
		if _, ok := b[r]; !ok {
			return false
		}
	}
	return true
}

// NotAfter is when the certificate ends.
func (id *Identity) NotAfter() time.Time { return id.now.Load().cert.Leaf.NotAfter }

// Describe describes the certificate of now, and says whether it states its roles: otherwise they are
// those that its key usage allows.
func (id *Identity) Describe() (i Issued, stated bool) {
	cert := id.now.Load().cert.Leaf
	_, stated = rolesOf(cert)
	return issuedOf(cert), stated
}

// Allows returns ErrRole if the certificate has none of the roles.
func (id *Identity) Allows(want ...Role) error {
	return checkRole(id.now.Load().cert.Leaf, fmt.Sprintf("this machine's certificate %q", id.Name), want)
}

// Covers returns nil if devices that dial this machine as host accept its certificate, and a
// HostError otherwise.
func (id *Identity) Covers(host string) error {
	cert := id.now.Load().cert.Leaf
	if cert.VerifyHostname(withoutZone(host)) == nil {
		return nil
	}
	return &HostError{Certificate: fmt.Sprintf("certificate %q", id.Name), Hosts: hostsOf(cert), Host: oneLine(host)}
}
