package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"github.com/farswap/farswap/dash/feed"
)

// ErrNoDevice means that there is nothing to show.
var ErrNoDevice = errors.New("no device to show")

// Size of a screen whose size is not known.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// framesPerSecond bounds how often the terminal is written to, whatever happens.
const framesPerSecond = 10

// Config is what to show and where.
type Config struct {
	Root     string // of the state folders; empty: status.DefaultRoot
	ID       int    // of the device; negative: the first one, or with JSON all
	Interval time.Duration
	Once     bool // one frame or report after two polls
	JSON     bool // a Report for each interval, one a line, instead of pictures

	In      io.Reader // the keyboard
	Out     io.Writer
	Environ []string // as os.Environ: TERM, NO_COLOR, LANG and so on
}

func (c *Config) env(name string) string {
	for i := len(c.Environ) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(c.Environ[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// Run shows a device until the user or the context ends it. The error is ErrNoDevice, with
// advice, if there is no device at the start. A device that goes away later is shown as
// gone.
func Run(ctx context.Context, c Config) error {
	f := feed.New(feed.Config{Root: c.Root, Interval: c.Interval})
	f.Poll(ctx)
	id, err := choose(f, c.ID)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		return c.reports(ctx, f)
	case c.Once || !c.interactive():
		return c.frames(ctx, f, id)
	default:
		return c.terminal(ctx, f, id)
	}
}

// choose returns the device to show first.
func choose(f *feed.Feed, id int) (int, error) {
	if err := f.Err(); err != nil {
		return 0, err
	}
	devices := f.Devices()
	for _, d := range devices {
		if id >= 0 && d.ID != id {
			continue
		}
		if d.State != feed.Dead {
			return d.ID, nil
		}
		if id >= 0 || len(devices) == 1 {
			return 0, fmt.Errorf("%w: the server of device %d died; `farswap ublk list` says what helps", ErrNoDevice, d.ID)
		}
	}
	switch {
	case id >= 0:
		return 0, fmt.Errorf("%w: device %d is not farswap's: see `farswap ublk list`", ErrNoDevice, id)
	case len(devices) > 0:
		return 0, fmt.Errorf("%w: the servers of all %d died: see `farswap ublk list`", ErrNoDevice, len(devices))
	case len(f.Donors()) > 0:
		return 0, fmt.Errorf("%w: this machine only lends memory: see `farswap donor status`", ErrNoDevice)
	}
	return 0, fmt.Errorf("%w: make one with `farswap ublk add`", ErrNoDevice)
}

// interactive returns whether In and Out are a terminal on which the program can draw.
func (c *Config) interactive() bool {
	t := c.env("TERM")
	_, ok := c.size()
	return ok && t != "" && t != "dumb"
}

// size returns the size of the terminal, if Out is one.
func (c *Config) size() ([2]int, bool) {
	if file, ok := c.Out.(*os.File); ok && term.IsTerminal(file.Fd()) {
		if w, h, err := term.GetSize(file.Fd()); err == nil && w > 0 && h > 0 {
			return [2]int{w, h}, true
		}
		return [2]int{defaultWidth, defaultHeight}, true
	}
	at := [2]int{defaultWidth, defaultHeight}
	for i, name := range []string{"COLUMNS", "LINES"} {
		if n, err := strconv.Atoi(c.env(name)); err == nil && n >= [2]int{leastWidth, leastHeight}[i] && n <= 1000 {
			at[i] = n
		}
	}
	return at, false
}

// look chooses glyphs: ASCII, unless the locale says UTF-8 and the terminal is not dumb.
func (c *Config) look() *look {
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale = strings.ToLower(c.env(name)); locale != "" {
			break
		}
	}
	utf8 := strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
	return newLook(!utf8 || c.env("TERM") == "dumb")
}

// profile returns the colours that Out gets. Any NO_COLOR that is not empty means none.
func (c *Config) profile() colorprofile.Profile {
	if c.env("NO_COLOR") != "" {
		return colorprofile.Ascii
	}
	return colorprofile.Detect(c.Out, c.Environ)
}

// reports writes a Report for each interval.
func (c *Config) reports(ctx context.Context, f *feed.Feed) error {
	r := newReporter(f, c.ID)
	out := json.NewEncoder(c.Out)
	return c.each(ctx, f, func() error { return out.Encode(r.report(time.Now())) })
}

// frames writes a picture for each interval, one below the other.
func (c *Config) frames(ctx context.Context, f *feed.Feed, id int) error {
	size, tty := c.size()
	out := &colorprofile.Writer{Forward: c.Out, Profile: colorprofile.NoTTY}
	if tty {
		out.Profile = c.profile()
		size[1]-- // the shell's prompt comes below
	}
	m := newModel(f, c.look(), id)
	m.width, m.height = size[0], size[1]
	m.ui.batch = true
	before := ""
	return c.each(ctx, f, func() error {
		m.read()
		_, err := fmt.Fprintln(out, before+m.shown.frame(m.look, &m.ui, m.width, m.height))
		before = "\n"
		return err
	})
}

// each polls and calls show in each interval, or only once if Config.Once says so.
func (c *Config) each(ctx context.Context, f *feed.Feed, show func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed, stop := f.Subscribe()
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		select {
		case <-time.After(f.Interval()):
			f.Run(ctx)
		case <-ctx.Done():
		}
	})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := show(); err != nil || c.Once {
			return err
		}
	}
}

// terminal draws on the whole terminal until the user has seen enough.
func (c *Config) terminal(ctx context.Context, f *feed.Feed, id int) error {
	program := tea.NewProgram(newModel(f, c.look(), id), tea.WithContext(ctx), tea.WithInput(c.In), tea.WithOutput(c.Out),
		tea.WithEnvironment(c.Environ), tea.WithColorProfile(c.profile()), tea.WithFPS(framesPerSecond))
	ctx, cancel := context.WithCancel(ctx)
	changed, stop := f.Subscribe()
	var all sync.WaitGroup
	all.Go(func() { f.Run(ctx) })
	all.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				program.Send(polled{})
			}
		}
	})
	_, err := program.Run()
	ended := ctx.Err() != nil
	cancel()
	stop()
	all.Wait()
	if ended || errors.Is(err, tea.ErrInterrupted) {
		return nil // the user or the context ended the program
	}
	return err
}
