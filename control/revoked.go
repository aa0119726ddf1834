package control

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
)

const (
	listBlock = "X509 CRL"
	maxLists  = 16 // revocation lists in a file
)

// revocations are the certificates that authorities have revoked. Serial numbers are unique within an
// authority only, and two authorities may have one name, so the authority's key is part of the entry.
type revocations map[revocation]struct{}

type revocation struct {
	authority [sha256.Size]byte // of its public key
	serial    string
}

func revocationOf(cert, issuer *x509.Certificate) revocation {
	return revocation{sha256.Sum256(issuer.RawSubjectPublicKeyInfo), cert.SerialNumber.String()}
}

// readRevocations reads a file of revocation lists (RFC 5280) of the given authorities, as PEM. A list
// of another authority is passed over: it is of one that was replaced, whose certificates nobody
// accepts any more. A file in which no list is of these authorities is an error, as is a damaged one.
// A list has no end: one whose date of the next update has passed still counts, because to forget it
// would let revoked certificates in, and to refuse all others would end all swap.
func readRevocations(path string, authorities []*x509.Certificate) (revocations, error) {
	if path == "" {
		return nil, nil
	}
	blocks, err := readBlocks(path, ErrRevocationList, listBlock)
	if err != nil {
		return nil, err
	}
	if len(blocks) > maxLists {
		return nil, fmt.Errorf("%s: %w: it has %d lists, at most %d are read", path, ErrRevocationList, len(blocks), maxLists)
	}
	all, known := make(revocations), false
	for _, b := range blocks {
		list, err := x509.ParseRevocationList(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", path, ErrRevocationList, err)
		}
		for _, ca := range authorities {
			// An authority of a release before revocation lists lacks the key usage for
			// them, which CheckSignatureFrom asks for.
			if ca.CheckSignature(list.SignatureAlgorithm, list.RawTBSRevocationList, list.Signature) != nil {
				continue
			}
			known = true
			for _, e := range list.RevokedCertificateEntries {
				all[revocation{sha256.Sum256(ca.RawSubjectPublicKeyInfo), e.SerialNumber.String()}] = struct{}{}
			}
		}
	}
	if !known {
		return nil, fmt.Errorf("%s: %w: neither a CA in %s nor one that signed this machine's certificate has signed it", path, ErrRevocationList, caCertFile)
	}
	return all, nil
}

// check returns ErrRevoked if each chain of a certificate has a revoked member.
func (r revocations) check(chains [][]*x509.Certificate) error {
	if len(r) == 0 {
		return nil
	}
	var revoked error
	for _, chain := range chains {
		bad := r.in(chain)
		if bad == nil {
			return nil
		}
		revoked = fmt.Errorf("%w: %s, serial number %s", ErrRevoked, ofPeer(bad), serialText(bad.SerialNumber))
	}
	return revoked
}

// in returns the first revoked certificate of a chain, nil if there is none.
func (r revocations) in(chain []*x509.Certificate) *x509.Certificate {
	for i := range len(chain) - 1 {
		if _, ok := r[revocationOf(chain[i], chain[i+1])]; ok {
			return chain[i]
		}
	}
	return nil
}

// serialText is a serial number as openssl writes it, in pairs of hexadecimal digits.
func serialText(n *big.Int) string {
	digits := fmt.Sprintf("%X", n)
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	return digits
}
