package verbs

import (
	"crypto/rand"
	"fmt"
)

// Key is the secret of one region in one session. It prints without its value.
type Key uint64

// String hides the value: a key is a capability.
func (Key) String() string { return "key(hidden)" }

// Format hides the value from every verb of package fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// SessionID names a session of a server. It is not secret.
type SessionID uint64

// Credential lets its holder connect as a session.
type Credential struct {
	Session SessionID
	Secret  [32]byte

	// Owner says whose session it is, to a server only. The sessions of one owner together get a
	// bounded share of its connections. Empty: only the bound of all holds.
	Owner string
}

// NewCredential makes a credential with a random secret.
func NewCredential(s SessionID) Credential {
	c := Credential{Session: s}
	_, _ = rand.Read(c.Secret[:]) // never fails, by its documentation
	return c
}

// String hides the secret.
func (c Credential) String() string {
	return fmt.Sprintf("credential(session %d, secret hidden)", uint64(c.Session))
}

// Format hides the secret from every verb of package fmt.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// Opcode is what a WR does.
type Opcode uint8

// The opcodes. They are also the values on the wire of verbs/tcp.
const (
	OpRead  Opcode = 1 // remote memory to WR.Local
	OpWrite Opcode = 2 // WR.Local to remote memory
)

// String is "read" or "write".
func (o Opcode) String() string {
	switch o {
	case OpRead:
		return "read"
	case OpWrite:
		return "write"
	}
	return fmt.Sprintf("opcode(%d)", uint8(o))
}

// WR is a work request: one READ or WRITE.
type WR struct {
	ID     uint64 // the caller's, returned in the Completion
	Op     Opcode
	Local  []byte // in a registered region, 1 to MaxLength bytes
	Remote uint64 // byte offset in the remote region
	Key    Key    // of the remote region
}

// State is where a QP is in its life.
type State uint8

// The states of a QP. There is no way back to an earlier one.
const (
	StateReady  State = iota // takes operations
	StateError               // has failed; outstanding operations are being flushed
	StateClosed              // is freed
)

// String is "ready", "error" or "closed".
func (s State) String() string {
	switch s {
	case StateReady:
		return "ready"
	case StateError:
		return "error"
	case StateClosed:
		return "closed"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}
