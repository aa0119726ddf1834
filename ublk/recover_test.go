package ublk

import (
	"errors"
	"testing"
)

// TestRecoverable: a device that no server can go on with is told apart from one whose server is still ending.
func TestRecoverable(t *testing.T) {
	spec := Spec{ID: 3, Recovery: RecoverReissue}
	flags := recoveryFlags[RecoverReissue]
	for name, tt := range map[string]struct {
		info DevInfo
		want error
	}{
		"its server still ends":      {DevInfo{Flags: flags, State: StateLive}, nil},
		"its I/O waits":              {DevInfo{Flags: flags, State: StateQuiesced}, nil},
		"its I/O fails":              {DevInfo{Flags: flags, State: StateFailIO}, nil},
		"killed in a start or stop":  {DevInfo{Flags: flags, State: StateDead}, ErrState},
		"it ends with its server":    {DevInfo{State: StateLive}, ErrState},
		"its I/O is to fail instead": {DevInfo{Flags: flags | FlagRecoveryFailIO, State: StateFailIO}, ErrSpec},
	} {
		if err := recoverable(tt.info, spec); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}
