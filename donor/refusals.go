package donor

import (
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/refusals"
	"github.com/farswap/farswap/netlimit"
	"github.com/farswap/farswap/verbs"
)

// Errors that are kinds of refusals, the more particular ones first.
var (
	sessionKinds = []error{
		netlimit.ErrEvicted, control.ErrExpired, control.ErrRevoked, control.ErrRole, control.ErrUntrusted, control.ErrVersion, control.ErrProtocol, control.ErrTimeout,
		control.ErrPeerLost, control.ErrNoSession, control.ErrBusy, control.ErrInvalid, control.ErrRefused,
	}
	dataKinds = []error{
		netlimit.ErrEvicted, verbs.ErrVersion, verbs.ErrProtocol, verbs.ErrNoSession, verbs.ErrBusy, verbs.ErrFenced, verbs.ErrRefused,
	}
)

// sessionRefused logs a refused session. Several goroutines may call it.
func (d *Donor) sessionRefused(remote string, err error) {
	d.sessionRefusals.Refused(remote, refusals.Kind(err, sessionKinds...), err)
}

// dataRefused logs a refused connection. A server's thread calls it; it must not wait.
func (d *Donor) dataRefused(remote string, err error) {
	d.dataRefusals.Refused(remote, refusals.Kind(err, dataKinds...), err)
}
