package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
)

// told are the lines of a log since the last call, each as level: message, and of what.
func told(t *testing.T, log *bytes.Buffer) (lines []string) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		var line struct{ Level, Message, What, Error string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		message, _, _ := strings.Cut(line.Message, ":")
		if line.What != "" {
			message += " (" + line.What + ")"
		}
		if strings.Contains(line.Error, "\n") {
			t.Errorf("an error of two lines: %q", line.Error)
		}
		lines = append(lines, line.Level+": "+message)
	}
	log.Reset()
	return lines
}

func requireTold(t *testing.T, when string, log *bytes.Buffer, want ...string) {
	t.Helper()
	if got := told(t, log); !slices.Equal(got, want) {
		t.Errorf("%s: the log has %q, want %q", when, got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOthersAreReadAgain: a file is read when it has changed or when somebody asks, and an error is told
// until it is another or gone.
func TestOthersAreReadAgain(t *testing.T) {
	log := &bytes.Buffer{}
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "1")
	reads, taken := 0, "1"
	f := &Files{Log: zerolog.New(log), Others: []File{{What: "list", Paths: []string{path}, Read: func() (bool, error) {
		reads++
		text, err := os.ReadFile(path)
		switch {
		case err != nil:
			return false, err
		case strings.HasPrefix(string(text), "bad"):
			return false, errors.New(string(text))
		}
		news := taken != string(text)
		taken = string(text)
		return news, nil
	}}}}
	look := func(when string, must bool, wantReads int, want ...string) {
		t.Helper()
		reads = 0
		f.look(must, time.Now())
		if reads != wantReads {
			t.Errorf("%s: read %d times, want %d", when, reads, wantReads)
		}
		requireTold(t, when, log, want...)
	}
	const bad = "error: cannot be read again (list)"
	f.begin()
	look("at first", false, 1) // it may have changed since the start
	look("unchanged", false, 0)
	look("asked", true, 1)
	write(t, path, "22")
	look("changed", false, 1, "info: read again (list)")
	write(t, path, "bad\nfirst")
	look("bad", false, 1, bad)
	look("still bad", false, 0)
	look("bad, and asked", true, 1) // the same error again
	write(t, path, "bad second")
	look("bad otherwise", false, 1, bad)
	write(t, path, "22")
	look("as before", false, 1)
	write(t, path, "bad second")
	look("bad once more", false, 1, bad)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look("gone", false, 1, bad)
	look("still gone", false, 0)
	write(t, path, "333")
	look("there again", false, 1, "info: read again (list)")
	if taken != "333" {
		t.Errorf("what counts is %q", taken)
	}
}

// filesOfIdentity begins to look at an identity in folder, which a CA has issued. What is told of it
// goes to log.
func filesOfIdentity(t *testing.T) (f *Files, log *bytes.Buffer, ca, folder string) {
	t.Helper()
	log = &bytes.Buffer{}
	dir := t.TempDir()
	ca, folder = filepath.Join(dir, "ca"), filepath.Join(dir, "id")
	for _, err := range []error{control.InitCA(ca, "ca"), control.Issue(ca, folder, "db1", nil, control.RoleDevice)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	id, err := control.LoadIdentity(folder)
	if err != nil {
		t.Fatal(err)
	}
	f = &Files{Identity: id, Log: zerolog.New(log)}
	f.begin()
	return f, log, ca, folder
}

// TestIdentityIsReadAgain: what is new of an identity is told, and what is wrong with it.
func TestIdentityIsReadAgain(t *testing.T) {
	f, log, ca, folder := filesOfIdentity(t)
	id := f.Identity
	now := time.Now()
	f.look(false, now)
	f.look(true, now)
	requireTold(t, "nothing new", log)
	renewed, err := control.Renew(ca, folder)
	if err != nil {
		t.Fatal(err)
	}
	f.look(false, now)
	requireTold(t, "renewed", log, "info: read again (certificate)")
	if shown, _ := id.Describe(); shown.Serial != renewed.Serial {
		t.Errorf("it shows %s, want %s", shown.Serial, renewed.Serial)
	}
	write(t, filepath.Join(folder, "identity.crt"), "half of it")
	f.look(false, now)
	f.look(false, now)
	requireTold(t, "half written", log, "error: cannot be read again (identity)")
	if shown, _ := id.Describe(); shown.Serial != renewed.Serial {
		t.Errorf("half written: it shows %s, want %s", shown.Serial, renewed.Serial)
	}
}

// TestEndOfCertificateIsTold: once a day from a month before.
func TestEndOfCertificateIsTold(t *testing.T) {
	f, log, _, _ := filesOfIdentity(t)
	end := f.Identity.NotAfter()
	const soon, ended = "warn: the certificate ends soon", "warn: the certificate has ended"
	for _, c := range []struct {
		at   time.Time
		want []string
	}{
		{end.Add(-EndsSoon - time.Minute), nil},
		{end.Add(-EndsSoon + time.Minute), []string{soon}},
		{end.Add(-EndsSoon + 23*time.Hour), nil},
		{end.Add(-EndsSoon + 25*time.Hour), []string{soon}},
		{end.Add(time.Minute), []string{ended}},
		{end.Add(time.Hour), nil},
	} {
		f.look(false, c.at)
		requireTold(t, c.at.Sub(end).String()+" from its end", log, c.want...)
	}
}

// TestFollow: a signal has files read at once, and the end of the context ends it.
func TestFollow(t *testing.T) {
	read := make(chan struct{}, 100)
	f := &Files{Log: zerolog.Nop(), Others: []File{{What: "list", Read: func() (bool, error) { read <- struct{}{}; return false, nil }}}}
	ctx, cancel := context.WithCancel(t.Context())
	again, done := make(chan os.Signal, 1), make(chan struct{})
	go func() { defer close(done); f.Follow(ctx, again) }()
	for range 3 { // without files that change it is read once by itself
		again <- unix.SIGHUP
		<-read
	}
	cancel()
	<-done
}
