package show

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/refusals"
)

// Failed handshakes of one address are one line, whatever the certificates say, and are counted.
func TestFailedScrapesDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	said := refusals.New(zerolog.New(&log).Level(zerolog.WarnLevel), "a scrape is refused")
	w := refusedScrape{said}
	for i := range 500 {
		line := fmt.Sprintf("http: TLS handshake error from 10.0.0.7:%d: tls: certificate of stranger-%d is unknown\n", 1000+i, i)
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	said.Close()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"remote":"10.0.0.7:1000"`) || !strings.Contains(lines[0], "stranger-0") ||
		!strings.Contains(lines[1], `"more":499,"origins":1`) {
		t.Errorf("the log:\n%s", log.String())
	}
}
