package add

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
)

// answerPause is how long a server that hands over goes on, so that who has asked for it gets an answer.
const answerPause = 200 * time.Millisecond

// handOver has a standby of the program that is installed now ready to take the device over, and then ends this
// server. It returns before the end; handedOver is closed then.
func (s *session) handOver(context.Context) error {
	if s.standby == nil {
		return fmt.Errorf("%w: %s cannot be handed over: its state is not kept, or no standby is wanted: see --supervise", status.ErrRefused, s.dev.Path())
	}
	s.handing.Lock()
	defer s.handing.Unlock()
	if s.leaving.Load() {
		return fmt.Errorf("%w: %s is being handed over already", status.ErrRefused, s.dev.Path())
	}
	if err := s.standby.renew(); err != nil {
		return fmt.Errorf("%s stays with this server: %w", s.dev.Path(), err)
	}
	s.leaving.Store(true)
	go func() {
		time.Sleep(answerPause)
		s.log.Info().Str("device", s.dev.Path()).Msg("the device goes to a server of the program that is installed now")
		if err := s.dev.(*swapdev.Device).HandOver(); err != nil {
			s.log.Error().Err(err).Msg("the device is not handed over")
			s.leaving.Store(false)
			return
		}
		close(s.handedOver)
	}()
	return nil
}
