package verbs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestStatusErr(t *testing.T) {
	for s, want := range map[Status]error{
		StatusOK: nil, StatusFlushed: ErrFlushed, StatusRemoteAccess: ErrRemoteAccess,
		StatusTransport: ErrTransport, StatusTimeout: ErrTimeout, Status(99): ErrTransport,
	} {
		if got := s.Err(); !errors.Is(got, want) {
			t.Errorf("%v.Err() = %v, want %v", s, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		v    fmt.Stringer
		want string
	}{
		{StatusOK, "ok"},
		{StatusRemoteAccess, "remote-access"},
		{Status(9), "status(9)"},
		{OpRead, "read"},
		{OpWrite, "write"},
		{Opcode(9), "opcode(9)"},
		{StateReady, "ready"},
		{StateError, "error"},
		{StateClosed, "closed"},
		{State(9), "state(9)"},
	} {
		if got := c.v.String(); got != c.want {
			t.Errorf("String() = %q, want %q", got, c.want)
		}
	}
}

// Whatever verb a log line uses, no secret may show.
func TestSecretsDoNotPrint(t *testing.T) {
	cred := Credential{Session: 5}
	for i := range cred.Secret {
		cred.Secret[i] = 0xab
	}
	grant := Grant{Key: 0xabababababababab, Length: 4096}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s", "%q"} {
		for _, v := range []any{cred, &cred, grant.Key, grant, WR{Key: grant.Key}} {
			got := strings.ToLower(fmt.Sprintf(verb, v))
			if strings.Contains(got, "abab") || strings.Contains(got, "171") || strings.Contains(got, fmt.Sprint(uint64(grant.Key))) {
				t.Errorf("Sprintf(%q, %T) shows the secret: %s", verb, v, got)
			}
		}
	}
}
