package command

import (
	"bytes"
	"errors"
	stdlog "log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// logging is a program with one command, which logs a number of lines and fails.
func logging(serves bool, lines int, then func(*App)) Program {
	return Program{Name: "farswapd", Serves: serves, Commands: func(a *App) []*cobra.Command {
		return []*cobra.Command{{Use: "log", RunE: func(*cobra.Command, []string) error {
			for range lines {
				a.Log.Info().Str("filler", strings.Repeat("x", 100)).Msg("a line")
			}
			then(a)
			return errors.New("the last words")
		}}}
	}}
}

// TestServerWaitsForNoReader runs a server whose log goes to a pipe that nobody reads.
func TestServerWaitsForNoReader(t *testing.T) {
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(reading.Close(), writing.Close()); err != nil {
			t.Error(err)
		}
	})
	var dropped uint64
	p := logging(true, 10_000, func(a *App) { dropped = a.LogDropped() })
	ended := make(chan int, 1)
	go func() { ended <- Run(p, []string{"log"}, Streams{Err: writing}) }()
	select {
	case code := <-ended:
		if code != ExitFailed || dropped == 0 {
			t.Errorf("exit code %d, %d lines dropped", code, dropped)
		}
	case <-time.After(time.Minute):
		t.Fatal("the server waits for the reader of its log")
	}
}

// TestLastWords: whoever reads gets all lines and the error after them.
func TestLastWords(t *testing.T) {
	for _, serves := range []bool{false, true} {
		var log bytes.Buffer
		code := Run(logging(serves, 3, func(*App) {}), []string{"log"}, Streams{Err: &log})
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if code != ExitFailed || len(lines) != 4 || lines[3] != "farswap: the last words" {
			t.Errorf("serves %v: exit code %d, %q", serves, code, lines)
		}
	}
}

// TestLibrariesLogLikeTheServer: what is logged through package log goes the same way.
func TestLibrariesLogLikeTheServer(t *testing.T) {
	before, flags := stdlog.Writer(), stdlog.Flags()
	t.Cleanup(func() { stdlog.SetOutput(before); stdlog.SetFlags(flags) })
	var log bytes.Buffer
	p := logging(true, 0, func(*App) { stdlog.Print("a library speaks") })
	Run(p, []string{"log"}, Streams{Err: &log})
	if line, _, _ := strings.Cut(log.String(), "\n"); !strings.HasSuffix(line, `"message":"a library speaks"}`) {
		t.Errorf("the log has %q", line)
	}
}

// TestMissingLinesAreTold has a reader that comes back: the line that tells how many are
// missing comes through at every level.
func TestMissingLinesAreTold(t *testing.T) {
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	p := logging(true, 10_000, func(*App) {
		go func() {
			var all bytes.Buffer
			_, err := all.ReadFrom(reading)
			if err != nil {
				t.Error(err)
			}
			text <- all.String()
		}()
	})
	if code := Run(p, []string{"log"}, Streams{Err: writing}); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	if err := writing.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-text
	if !strings.Contains(got, `"level":"warn","lines":`) || !strings.HasSuffix(got, "farswap: the last words\n") {
		t.Errorf("the log ends with %q", got[max(0, len(got)-300):])
	}
	if err := reading.Close(); err != nil {
		t.Fatal(err)
	}
}
