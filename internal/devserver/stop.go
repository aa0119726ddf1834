package devserver

import (
	"context"
	"fmt"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
)

// RequestStop begins a stop and does not wait for its end. It fails with ErrInUse, and
// changes nothing, while the device is in use.
func (s *Server) RequestStop(context.Context) error {
	uses, err := inuse.Find(s.Path())
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.Path(), err)
	}
	if len(uses) > 0 {
		return fmt.Errorf("stop %s: %w (%w): %s", s.Path(), ErrInUse, status.ErrRefused, uses[0])
	}
	s.stop.Do(func() {
		s.setState(status.StateStopping)
		go func() {
			if err := s.device.Stop(); err != nil {
				s.config.StopFailed(err)
			}
		}()
	})
	return nil
}
