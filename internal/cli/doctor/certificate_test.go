package doctor

import (
	"strings"
	"testing"

	"github.com/farswap/farswap/status"
)

// TestCertificates: one that ends soon, has ended, or states no role is told of, and no other one.
func TestCertificates(t *testing.T) {
	const day = 86400
	for _, tt := range []struct {
		c    *status.Certificate
		says []string
	}{
		{nil, nil},
		{&status.Certificate{Name: "db1", RolesStated: true, SecondsLeft: 31 * day}, nil},
		{&status.Certificate{Name: "db1", RolesStated: true, SecondsLeft: 20*day + 5}, []string{"db1 ends in 20 days"}},
		{&status.Certificate{Name: "db1", RolesStated: true, SecondsLeft: -5}, []string{"db1 ended"}},
		{&status.Certificate{Name: "db1", SecondsLeft: 300 * day}, []string{"db1 states no role"}},
	} {
		checks := certificateChecks("ublkb0", tt.c)
		if len(checks) != len(tt.says) {
			t.Errorf("%+v: %+v", tt.c, checks)
			continue
		}
		for i, c := range checks {
			if !strings.Contains(c.Found, tt.says[i]) || !strings.Contains(c.Advice, "farswap cert renew") {
				t.Errorf("%+v: %+v", tt.c, c)
			}
		}
	}
}
