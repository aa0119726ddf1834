package top

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/farswap/farswap/dash/feed"
)

// model is the program that runs on a terminal. Bubble Tea calls it from one goroutine.
type model struct {
	feed          *feed.Feed
	look          *look
	id            int // of the device that is shown
	ui            ui
	width, height int
	shown         *snapshot
	now           func() time.Time
}

// polled is the message that the feed has polled.
type polled struct{}

func newModel(f *feed.Feed, l *look, id int) *model {
	m := &model{feed: f, look: l, id: id, width: defaultWidth, height: defaultHeight, now: time.Now}
	m.read()
	return m
}

// read takes a new snapshot, with as many points as the screen and the zoom need.
func (m *model) read() {
	m.shown = take(m.feed, m.id, max(windows[2], m.width*zooms[m.ui.zoom]), m.now())
}

func (m *model) Init() tea.Cmd { return nil }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case polled:
		if !m.ui.paused {
			m.read()
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		if !m.ui.paused {
			m.read()
		}
	case tea.KeyPressMsg:
		if m.key(msg.String()) {
			return m, tea.Quit
		}
		if !m.ui.paused {
			m.read()
		}
		m.shown.interval = m.feed.Interval()
	}
	return m, nil
}

func (m *model) View() tea.View {
	v := tea.NewView(m.shown.frame(m.look, &m.ui, m.width, m.height))
	v.AltScreen = true
	v.WindowTitle = "farswap top " + clean(m.look, m.shown.path())
	v.DisableBracketedPasteMode = true
	return v
}

// ids returns the numbers of all devices.
func (s *snapshot) ids() []int {
	var ids []int
	for i := range s.devices {
		ids = append(ids, s.devices[i].ID)
	}
	return ids
}
