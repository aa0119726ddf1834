package control

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Role is what the machine of a certificate may be. A certificate states its roles as URIs among
// its subject alternative names, farswap:donor, farswap:device and farswap:viewer, which every
// authority can issue.
type Role string

// Roles of a certificate.
const (
	RoleDonor  Role = "donor"  // lends memory to devices
	RoleDevice Role = "device" // opens sessions with donors
	RoleViewer Role = "viewer" // reads dashboards and metrics, and serves them
)

// Roles are all roles.
var Roles = []Role{RoleDonor, RoleDevice, RoleViewer}

const roleScheme = "farswap"

// ParseRole reads the name of a role. Errors wrap ErrInvalid.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(Roles, r) {
		return r, nil
	}
	return "", fmt.Errorf("role %q: %w: want %s", oneLine(name), ErrInvalid, JoinRoles(Roles, ", "))
}

func (r Role) uri() *url.URL { return &url.URL{Scheme: roleScheme, Opaque: string(r)} }

// usage is what TLS must allow the certificate of a role to be used for. A viewer serves its page
// and asks other machines for theirs.
func (r Role) usage() []x509.ExtKeyUsage {
	switch r {
	case RoleDonor:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case RoleDevice:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
}

// rolesOf returns the roles of a certificate, and whether it states them. Roles that a newer release
// may add are passed over. A certificate that states none has those that its key usage allows: it is
// from a release without roles, or from an authority that knows nothing of farswap.
func rolesOf(cert *x509.Certificate) (roles []Role, stated bool) {
	for _, u := range cert.URIs {
		if u.Scheme != roleScheme {
			continue
		}
		stated = true
		if r := Role(u.Opaque); slices.Contains(Roles, r) && !slices.Contains(roles, r) {
			roles = append(roles, r)
		}
	}
	if stated {
		return roles, true
	}
	allows := func(usage x509.ExtKeyUsage) bool {
		return len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 ||
			slices.Contains(cert.ExtKeyUsage, usage) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
	}
	if allows(x509.ExtKeyUsageServerAuth) {
		roles = append(roles, RoleDonor)
	}
	if allows(x509.ExtKeyUsageClientAuth) {
		roles = append(roles, RoleDevice, RoleViewer)
	}
	return roles, false
}

// checkRole returns ErrRole if a certificate has none of the roles in want. Without any in want every
// certificate passes. who owns the certificate, for people.
func checkRole(cert *x509.Certificate, who string, want []Role) error {
	has, _ := rolesOf(cert)
	if len(want) == 0 || slices.ContainsFunc(want, func(r Role) bool { return slices.Contains(has, r) }) {
		return nil
	}
	return fmt.Errorf("%w: %s has %s, and not %s: issue one that has", ErrRole, who, roleText(cert), JoinRoles(want, " or "))
}

// roleText says which roles a certificate has.
func roleText(cert *x509.Certificate) string {
	has, _ := rolesOf(cert)
	if len(has) == 0 {
		return "no role"
	}
	return "the role " + JoinRoles(has, " and ")
}

// JoinRoles writes roles with a text between them.
func JoinRoles(roles []Role, with string) string {
	var names []string
	for _, r := range roles {
		names = append(names, string(r))
	}
	return strings.Join(names, with)
}
