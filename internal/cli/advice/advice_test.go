package advice

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/devserver"
)

// TestAdvice: every piece of advice can be reached, and none repeats the error.
func TestAdvice(t *testing.T) {
	for i, a := range allAdvice {
		if a.of != nil {
			continue
		}
		err := fmt.Errorf("tried: %w", a.about)
		if got := For(err); got != ": "+a.say || a.say == "" {
			t.Errorf("advice %d on %v is never given: %q is", i, a.about, got)
		}
		if strings.Contains(err.Error(), a.say) {
			t.Errorf("advice on %v repeats it", a.about)
		}
		if strings.ContainsAny(a.say, "\r\n") || strings.HasSuffix(a.say, ".") { // it follows an error's text
			t.Errorf("advice on %v is not the end of a line: %q", a.about, a.say)
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&control.HostError{Certificate: "certificate \"a\"", Hosts: "a", Host: "mem9"}, "cert issue --host mem9`"},
		{fmt.Errorf("%w: %w", control.ErrUntrusted, control.ErrOtherCA), "farswap cert issue"},
		{fmt.Errorf("%w: %w", control.ErrIdentity, control.ErrKeyExposed), "if they did"},
		{fmt.Errorf("%w: %w", control.ErrCA, control.ErrExpired), "farswap cert init"},
		{errors.Join(errors.New("other"), donor.ErrMemory), "--memory"},
		{fmt.Errorf("start: %w", devserver.ErrLeft), "farswap ublk list"},
	} {
		if got := For(c.err); !strings.Contains(got, c.want) {
			t.Errorf("%v: advice %q, want %q", c.err, got, c.want)
		}
	}
	if got := For(errors.New("something")); got != "" {
		t.Errorf("advice on nothing known: %q", got)
	}
}
