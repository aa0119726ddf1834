package devserver

import (
	"slices"
	"time"

	"github.com/farswap/farswap/internal/inuse"
)

// heldLook is between two looks at who has a device open whose removal waits.
const heldLook = time.Second

// remove removes the device from the kernel. The driver waits for those who have the block device open, which swap
// and mounts are not: those are refused before a stop.
func (s *Server) remove() error {
	removed := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.tellHeld(removed)
	}()
	err := s.device.Delete()
	close(removed)
	<-watched
	return err
}

// tellHeld tells who has the device open until it is removed.
func (s *Server) tellHeld(removed <-chan struct{}) {
	if s.config.Held == nil {
		return
	}
	look := time.NewTicker(heldLook)
	defer look.Stop()
	var told []inuse.Opener
	for {
		select {
		case <-removed:
			return
		case <-look.C:
		}
		if by := inuse.Openers(s.Path()); len(by) > 0 && !slices.Equal(by, told) {
			s.config.Held(by)
			told = by
		}
	}
}
