package devserver

import (
	"os"
	"slices"
	"time"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
)

func (s *Server) setState(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// Report sets what a status says of every device: who it is, who serves it, and whether it
// is swap. What the target does is for the target to say.
func (s *Server) Report(d *status.Device) {
	s.mu.Lock()
	d.State = s.state
	s.mu.Unlock()
	d.ID, d.Path, d.At = s.ID(), s.Path(), time.Now()
	d.PID, d.Started = os.Getpid(), s.started
	if s.config.LogDropped != nil {
		d.LogDropped = s.config.LogDropped()
	}
	d.UblkRefused = s.device.Refused()
	info := s.device.Info()
	d.Queues, d.Depth, d.MaxIO, d.Ublk = int(info.Queues), int(info.Depth), int(info.MaxIO), info.Flags.Names()
	uses, _ := inuse.Find(s.Path()) // unknown counts as unused here; a stop looks again
	d.Swap = slices.ContainsFunc(uses, func(u inuse.Use) bool { return u.Kind == inuse.Swap })
}
