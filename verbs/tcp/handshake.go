package tcp

import (
	"fmt"
	"io"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// format is that of the three messages of the handshake: greeting, claim and verdict.
var format = handshake.TCP

// introduce is the device's side of the handshake. rw has a deadline.
func introduce(rw io.ReadWriter, cred verbs.Credential, cfg verbs.QPConfig) error {
	greeting := make([]byte, format.GreetingSize())
	if _, err := io.ReadFull(rw, greeting); err != nil {
		return fmt.Errorf("wait for the server's greeting: %w", err)
	}
	server, err := format.ParseGreeting(greeting)
	if err != nil {
		return err
	}
	c := format.NewClaim(cred.Session, cfg)
	if _, err := rw.Write(format.Claim(c, server, &cred.Secret)); err != nil {
		return fmt.Errorf("send the credential: %w", err)
	}
	verdict := make([]byte, format.VerdictSize())
	if _, err := io.ReadFull(rw, verdict); err != nil {
		return fmt.Errorf("wait for the server's verdict: %w", err)
	}
	return format.ParseVerdict(verdict, c.Nonce, server, &cred.Secret)
}
