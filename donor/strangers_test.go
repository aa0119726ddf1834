package donor

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// ample is far longer than anything here takes.
const ample = time.Minute

// Strangers whose certificates have ever other names, and strangers at the data port, get one line each
// kind: the names are theirs to choose. The others are counted.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	const attempts = 40
	log := &logged{}
	ours, theirs := authority(t), authority(t)
	d, _ := lendOn(t, func(c *Config) {
		c.Insecure, c.Identity, c.Log = false, ours("donor-1"), zerolog.New(log)
	})
	for i := range attempts {
		name := "stranger-" + strings.Repeat("x", i)
		cfg := theirs(name).ClientConfig("127.0.0.1")
		cfg.InsecureSkipVerify, cfg.VerifyConnection = true, nil
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: ample}, "tcp", d.Addr(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(conn) // until the donor has refused it
		_ = conn.Close()

		data, err := net.DialTimeout("tcp", d.DataAddr(), ample)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = data.Write(make([]byte, 4096))
		_, _ = io.ReadAll(data)
		_ = data.Close()
	}
	// Who looks closely sees all.
	eventually(t, "all are refused", func() bool {
		return log.count(`"message":"session refused"`) == attempts && log.count(`"message":"data connection refused"`) == attempts
	})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if n := log.count(`"level":"warn","remote"`); n != 2 {
		t.Errorf("%d lines about one refusal each, want one of each port", n)
	}
	for _, what := range []string{"session refused", "data connection refused"} {
		if n := log.count(what + ": more of a kind"); n != 1 {
			t.Errorf("the end says %d times that there were more of %q:\n%s", n, what, log.text.String())
		}
	}
	if n := log.count(`"more":39,"origins":1`); n != 2 {
		t.Errorf("the counts:\n%s", log.text.String())
	}
}
