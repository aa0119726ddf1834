package devserver

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// quiesceTime is how long a hand-over waits for requests to be answered.
const quiesceTime = 2 * time.Second

// HandOver ends the service between two requests, where the driver can, so that another server takes the device
// over when this process has ended. The process has to end at once after it. It fails, and changes nothing, with
// status.ErrRefused unless the device is live and outlives its server.
func (s *Server) HandOver() error {
	if err := s.beginLeaving(); err != nil {
		return err
	}
	// After an error the device is handed over as by a crash: the driver sends again what was not answered. It is
	// busy then, or its driver cannot do better.
	_ = s.device.Quiesce(quiesceTime)
	return nil
}

func (s *Server) beginLeaving() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != status.StateLive || s.recovery == ublk.RecoverNone {
		return fmt.Errorf("hand %s over, which is %s: %w", s.Path(), s.state, status.ErrRefused)
	}
	s.state = status.StateLeaving
	return nil
}
