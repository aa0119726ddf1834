package top

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"pgregory.net/rapid"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/status/statustest"
)

// press sends keys to a model as Bubble Tea does, and returns whether it ended.
func press(m *model, keys ...string) bool {
	quit := false
	for _, k := range keys {
		_, cmd := m.Update(tea.KeyPressMsg(keyOf(k)))
		quit = quit || cmd != nil
	}
	return quit
}

var namedKeys = map[string]tea.Key{
	"tab": {Code: tea.KeyTab}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
	"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "esc": {Code: tea.KeyEscape}, "space": {Code: tea.KeySpace, Text: " "},
	"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "f1": {Code: tea.KeyF1}, "f10": {Code: tea.KeyF10},
}

func keyOf(k string) tea.Key {
	if key, ok := namedKeys[k]; ok {
		return key
	}
	return tea.Key{Code: []rune(k)[0], Text: k}
}

func TestKeys(t *testing.T) {
	r := newRig(t)
	r.run(t, 3)
	for _, tc := range []struct {
		keys []string
		want func(m *model) bool
	}{
		{[]string{"3"}, func(m *model) bool { return m.ui.view == viewSlabs }},
		{[]string{"9"}, func(m *model) bool { return m.ui.view == viewOverview }},
		{[]string{"tab", "tab"}, func(m *model) bool { return m.ui.view == viewSlabs }},
		{[]string{"shift+tab"}, func(m *model) bool { return m.ui.view == viewEvents }},
		{[]string{"right", "left", "left"}, func(m *model) bool { return m.ui.view == viewEvents }},
		{[]string{"h"}, func(m *model) bool { return m.ui.help }},
		{[]string{"?", "esc"}, func(m *model) bool { return !m.ui.help }},
		{[]string{"f1", "2"}, func(m *model) bool { return !m.ui.help && m.ui.view == viewLatency }},
		{[]string{"p"}, func(m *model) bool { return m.ui.paused }},
		{[]string{"space", "space"}, func(m *model) bool { return !m.ui.paused }},
		{[]string{"+"}, func(m *model) bool { return m.feed.Interval() == 2*time.Second }},
		{[]string{"-", "-", "-", "-", "-"}, func(m *model) bool { return m.feed.Interval() == feed.MinInterval }},
		{strings.Split("++++++++++++", ""), func(m *model) bool { return m.feed.Interval() == feed.MaxInterval }},
		{[]string{"s"}, func(m *model) bool { return m.ui.source == status.SourceSwapIn }},
		{[]string{"S"}, func(m *model) bool { return m.ui.source == status.SourceBackingWrite }},
		{[]string{"z", "z", "Z"}, func(m *model) bool { return m.ui.zoom == 1 }},
		{[]string{"w", "w", "w", "w", "w"}, func(m *model) bool { return m.ui.window == 1 }},
		{[]string{"W"}, func(m *model) bool { return windows[m.ui.window] == 0 }},
		{[]string{"c"}, func(m *model) bool { return m.ui.byHeat }},
		{[]string{"o", "r"}, func(m *model) bool { return m.ui.order == 1 && m.ui.reverse }},
		{[]string{"f"}, func(m *model) bool { return filters[m.ui.filter] == "trouble" }},
		{[]string{"3", "right", "down"}, func(m *model) bool { return m.ui.slab == 33 }},
		{[]string{"3", "end"}, func(m *model) bool { return m.ui.slab == 255 }},
		{[]string{"3", "end", "up", "home", "left", "up"}, func(m *model) bool { return m.ui.slab == 0 }},
		{[]string{"6", "pgdown", "down", "k"}, func(m *model) bool { return m.ui.scroll[viewEvents] == 0 }}, // all fit
		{[]string{"d", "D"}, func(m *model) bool { return m.id == 7 }},
	} {
		r.feed.SetInterval(time.Second)
		m := newModel(r.feed, newLook(false), 7)
		m.View()
		for _, k := range tc.keys {
			if press(m, k) {
				t.Errorf("%v ends it", tc.keys)
			}
			m.View()
		}
		if !tc.want(m) {
			t.Errorf("%v: %+v, every %v", tc.keys, m.ui, m.feed.Interval())
		}
	}
	for _, k := range []string{"q", "ctrl+c", "f10"} {
		if m := newModel(r.feed, newLook(false), 7); !press(m, k) {
			t.Errorf("%s does not end it", k)
		}
	}
}

// TestAnyKeys: no sequence of keys, sizes and polls makes it fail.
func TestAnyKeys(t *testing.T) {
	r := newRig(t)
	r.run(t, 130)
	keys := strings.Split("123456789hpszZwWcorfdDSkjgG+-?", "")
	for k := range namedKeys {
		if k != "ctrl+c" && k != "f10" {
			keys = append(keys, k)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(r.feed, newLook(false), 7)
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				m.Update(tea.WindowSizeMsg{Width: rapid.IntRange(1, 250).Draw(t, "width"), Height: rapid.IntRange(1, 80).Draw(t, "height")})
			case 1:
				m.Update(polled{})
			default:
				press(m, rapid.SampledFrom(keys).Draw(t, "key"))
			}
			checkFrame(t, fmt.Sprintf("%+v", m.ui), m.View().Content, m.width, m.height)
		}
	})
}

// TestPause: the picture stays as it is until it goes on, whatever view it is.
func TestPause(t *testing.T) {
	r := newRig(t)
	r.run(t, 3)
	m := newModel(r.feed, newLook(false), 7)
	press(m, "p")
	before := m.shown.device.Status.IO.Reads
	r.run(t, 3)
	m.Update(polled{})
	press(m, "2")
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
	if got := m.shown.device.Status.IO.Reads; got != before || !strings.Contains(stripped(m.View().Content), "PAUSED") {
		t.Errorf("paused at %d reads, shows %d", before, got)
	}
	press(m, "p")
	if got := m.shown.device.Status.IO.Reads; got == before {
		t.Error("it does not go on")
	}
}

// TestSeveralDevices: d goes from one to the next, and what belongs to one stays there.
func TestSeveralDevices(t *testing.T) {
	r := newRig(t)
	lock, err := status.Acquire(status.StateDir(r.root, 2))
	if err != nil {
		t.Fatal(err)
	}
	s, err := status.ServeDevice(status.Socket(lock.Dir()), statustest.DeviceFunc(func() status.Device {
		return status.Device{ID: 2, Path: "/dev/ublkb2", State: status.StateLive, Target: "null", Size: 1 << 30}
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = s.Close(), lock.Remove() })
	r.run(t, 2)
	m := newModel(r.feed, newLook(false), 7)
	for _, want := range []string{"/dev/ublkb2", "/dev/ublkb7", "/dev/ublkb2"} {
		press(m, "d")
		for view := range views {
			press(m, fmt.Sprint(view+1))
			frame := m.View().Content
			checkFrame(t, want, frame, m.width, m.height)
			if !strings.Contains(stripped(frame), want) {
				t.Errorf("want %s:\n%s", want, stripped(frame))
			}
		}
	}
	press(m, "3")
	if text := stripped(m.View().Content); !strings.Contains(text, "its target is null") {
		t.Errorf("slabs of a device without:\n%s", text)
	}
}

// counter is a terminal that counts what it gets.
type counter struct {
	mu sync.Mutex // guards n and all
	n  int
	b  bytes.Buffer
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += len(p)
	return c.b.Write(p)
}

func (c *counter) take() (int, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, text := c.n, c.b.String()
	c.n = 0
	c.b.Reset()
	return n, text
}

// TestBytesPerFrame holds the package comment to its figures: a first frame, and frames
// of a heatmap that is full and moves by a column each time.
func TestBytesPerFrame(t *testing.T) {
	for _, tc := range []struct {
		name          string
		width, height int
		profile       colorprofile.Profile
		view          string
		first, most   int // bytes
	}{
		{"overview", 80, 24, colorprofile.ANSI256, "1", 12 << 10, 3 << 10},
		{"latency", 80, 24, colorprofile.ANSI256, "2", 12 << 10, 5 << 10},
		{"latency without colours", 80, 24, colorprofile.Ascii, "2", 8 << 10, 3 << 10},
		{"slabs", 80, 24, colorprofile.ANSI256, "3", 12 << 10, 1 << 10},
		{"large", 200, 60, colorprofile.ANSI256, "2", 80 << 10, 20 << 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.run(t, tc.width)
			out := &counter{}
			m := newModel(r.feed, newLook(false), 7)
			press(m, tc.view)
			ctx, cancel := context.WithCancel(t.Context())
			p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(out), tea.WithWindowSize(tc.width, tc.height),
				tea.WithColorProfile(tc.profile), tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithoutSignalHandler(), tea.WithFPS(100))
			done := make(chan struct{})
			go func() { defer close(done); _, _ = p.Run() }()
			defer func() { cancel(); <-done }()
			settle := func() int {
				total, quiet := 0, 0
				for quiet < 10 { // a busy machine draws late
					time.Sleep(30 * time.Millisecond)
					n, _ := out.take()
					total += n
					if quiet++; n > 0 {
						quiet = 0
					}
				}
				return total
			}
			first, sum := settle(), 0
			const frames = 3
			for range frames {
				r.run(t, 1)
				p.Send(polled{})
				sum += settle()
			}
			t.Logf("%d×%d: first frame %d bytes, then %d each", tc.width, tc.height, first, sum/frames)
			if first > tc.first || sum/frames > tc.most || first == 0 || sum == 0 {
				t.Errorf("first frame %d bytes, want at most %d; then %d each, want at most %d", first, tc.first, sum/frames, tc.most)
			}
		})
	}
}
