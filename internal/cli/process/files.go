package process

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/filestate"
)

const (
	// readPause is between two looks at the files. A revoked certificate has to be shut out
	// within 10 s of the list's change.
	readPause = 2 * time.Second
	// EndsSoon is how long before its end a certificate is told of, once in sayAgain.
	EndsSoon = 30 * 24 * time.Hour
	sayAgain = 24 * time.Hour
)

// Files are what a server has read at its start, and reads again when it changes or when a signal
// asks for it.
type Files struct {
	Identity *control.Identity // nil: none
	Others   []File
	Log      zerolog.Logger

	warned time.Time         // when the log last told of the certificate's end
	said   map[string]string // the last error, by file
	states map[string][]filestate.State
}

// File is one of them.
type File struct {
	What  string   // for people
	Paths []string // the content is read again when one of these has changed
	// Read reads the file, takes its content up, and reports whether that is new.
	Read func() (bool, error)
}

// Follow follows the files until the context ends. again is the signal's channel; it may be nil.
func (f *Files) Follow(ctx context.Context, again <-chan os.Signal) {
	f.begin()
	ticker := time.NewTicker(readPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			f.Log.Info().Msg("asked to read certificates, lists and keys again")
			f.look(true, time.Now())
		case now := <-ticker.C:
			f.look(false, now)
		}
	}
}

// begin notes what the files are like. What has changed since they were read is read at the next look:
// an identity knows that itself, and reading the others twice does no harm.
func (f *Files) begin() {
	f.said, f.states = map[string]string{}, map[string][]filestate.State{}
	f.warn(time.Now())
	if f.Identity == nil {
		return
	}
	if _, stated := f.Identity.Describe(); !stated {
		f.Log.Warn().Str("certificate", f.Identity.Name).
			Msg("the certificate states no role, so it is good for all that its key usage allows; a later release will refuse it: issue it anew with a role")
	}
}

// look reads what has changed, or all if it must.
func (f *Files) look(must bool, now time.Time) {
	if f.Identity != nil {
		news, err := f.Identity.Reload(must)
		for _, what := range news {
			f.Log.Info().Str("what", what).Time("ends", f.Identity.NotAfter()).Msg("read again")
		}
		f.tell("identity", err, must || len(news) > 0)
		f.warn(now)
	}
	for _, one := range f.Others {
		if !f.changed(one) && !must {
			continue
		}
		news, err := one.Read()
		if news {
			f.Log.Info().Str("what", one.What).Msg("read again")
		}
		f.tell(one.What, err, true)
	}
}

func (f *Files) changed(one File) bool {
	var now []filestate.State
	for _, path := range one.Paths {
		now = append(now, filestate.Of(path))
	}
	before, known := f.states[one.What]
	f.states[one.What] = now
	if !known {
		return true
	}
	for i := range now {
		if !now[i].Same(before[i]) {
			return true
		}
	}
	return false
}

// tell logs why a file could not be read. An error that was just told is not repeated. read says that
// the file was read, so that no error means that all is well.
func (f *Files) tell(what string, err error, read bool) {
	switch {
	case err == nil:
		if read {
			delete(f.said, what)
		}
	case f.said[what] != err.Error():
		f.said[what] = err.Error()
		f.Log.Error().Str("what", what).Str("error", strings.ReplaceAll(err.Error(), "\n", "; ")).Msg("cannot be read again: what was read before stays")
	}
}

// warn says once a day that the certificate ends soon, or has ended.
func (f *Files) warn(now time.Time) {
	if f.Identity == nil {
		return
	}
	left := f.Identity.NotAfter().Sub(now)
	if left > EndsSoon || !f.warned.IsZero() && now.Sub(f.warned) < sayAgain {
		return
	}
	f.warned = now
	text := "the certificate ends soon: renew it; the files are read again when they change"
	if left <= 0 {
		text = "the certificate has ended: no session opens, and those that there are end; renew it"
	}
	f.Log.Warn().Str("certificate", f.Identity.Name).Time("ends", f.Identity.NotAfter()).Msg(text)
}
