package advice

import (
	"errors"

	"github.com/farswap/farswap/control"
)

// controlAdvice is about identities and about peers that do not answer. What wraps two of
// these errors stands before what wraps one.
var controlAdvice = []advice{
	{about: control.ErrCA, say: "make a CA with `farswap cert init`, and identities with `farswap cert issue`"},
	{about: control.ErrKeyExposed, say: "if they did read it, make another with `farswap cert issue`"},
	{about: control.ErrOtherCA, say: "make them with `farswap cert issue`"},
	{of: otherHost},
	{about: control.ErrClocks, say: "compare `date -u` on both machines"},
	{about: control.ErrRole, say: "make one with `farswap cert issue --role`"},
	{about: control.ErrRevocationList, say: "copy ca.crl of the authority's folder, from `farswap cert revoke`"},
	{about: control.ErrExpired, say: "make a new certificate with `farswap cert renew`"},
	{about: control.ErrIdentity, say: "make one with `farswap cert issue`"},
	{about: control.ErrPeerTLS, say: "give --cert FOLDER instead of --insecure (see `farswap cert`)"},
	{about: control.ErrPeerPlain, say: "it runs with --insecure, or is no farswap"},
	{about: control.ErrNoListener, say: "start `farswap donor` there, or correct the address"},
	{about: control.ErrInsecureAddress, say: "give --cert FOLDER instead of --insecure (see `farswap cert`)"},
}

// otherHost names the host that a certificate lacks.
func otherHost(err error) string {
	var wrong *control.HostError
	if !errors.As(err, &wrong) {
		return ""
	}
	return "`farswap cert issue --host " + wrong.Host + "`"
}
