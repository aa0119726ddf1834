package metrics

import "github.com/farswap/farswap/status"

var (
	deviceCertLeft   = deviceGauge("certificate_left_seconds", "Time until the device's certificate ends, negative afterwards; absent without TLS.")
	deviceCertStated = deviceGauge("certificate_role_stated", "Whether the device's certificate states its role (1) or is of a release without roles (0); absent without TLS.")
	donorCertLeft    = donorGauge("certificate_left_seconds", "Time until the donor's certificate ends, negative afterwards; absent without TLS.")
	donorCertStated  = donorGauge("certificate_role_stated", "Whether the donor's certificate states its role (1) or is of a release without roles (0); absent without TLS.")
)

// certificate adds the metrics of a certificate, if there is one.
func (s *sink) certificate(c *status.Certificate, left, stated *family) {
	if c == nil {
		return
	}
	s.put(left, float64(c.SecondsLeft))
	s.truth(stated, c.RolesStated)
}
