package status

import "time"

// Certificate is the certificate that a device or a donor shows to its peers now.
type Certificate struct {
	Name        string    `json:"name"`
	Serial      string    `json:"serial"`       // hexadecimal digits
	Roles       string    `json:"roles"`        // donor, device, viewer, joined by +
	RolesStated bool      `json:"roles_stated"` // false: the certificate states none, and has those that its key usage allows
	NotAfter    time.Time `json:"not_after"`    // its end
	SecondsLeft int64     `json:"seconds_left"` // until then; negative: it has ended
}
