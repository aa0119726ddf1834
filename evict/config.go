package evict

import (
	"errors"
	"fmt"
	"math"
)

// ErrConfig means that a field of a Config is out of range.
var ErrConfig = errors.New("unusable eviction policy")

// Defaults of Config, and shares of HeadRoom from which other defaults follow.
const (
	DefaultBeta        = 0.2     // the paper's
	DefaultStallLimit  = 0.1     // a tenth of the second
	DefaultPrepareRate = 1 << 30 // bytes a second: locking 1 GiB takes a good part of one
	DefaultCalm        = 10      // seconds; with β = 0.2 nine tenths of a change are in the average

	slackShare = 8 // Slack is HeadRoom / slackShare
	evictShare = 4 // EvictRate is HeadRoom / evictShare: the reserve lasts for four seconds
)

// deep is the share of HeadRoom below which a shortage is urgent.
const deep = 0.5

// Config is the policy of a donor. A zero field takes its default. Defaults that depend on HeadRoom change
// with it.
type Config struct {
	HeadRoom int64 // bytes that stay available to local applications; 0 keeps none
	Slack    int64 // bytes above HeadRoom that the donor does not lend either; default HeadRoom/8

	Beta       float64 // weight of one second's measurement, above 0 to 1; default 0.2
	StallLimit float64 // Sample.Stall from which a shortage is urgent, above 0 to 1; default 0.1

	// Bytes a second, rounded down to slabs, but at least one slab a tick.
	EvictRate   int64 // mapped memory to ask back while nothing is urgent; default HeadRoom/4
	PrepareRate int64 // memory to prepare ahead; default 1 GiB

	Calm float64 // seconds without lending after a shortage; default 10
}

// Validate returns an error wrapping ErrConfig if a field is out of range.
func (c Config) Validate() error {
	switch {
	case c.HeadRoom < 0:
		return fmt.Errorf("headroom of %d bytes: %w: give 0 or more", c.HeadRoom, ErrConfig)
	case c.Slack < 0:
		return fmt.Errorf("slack of %d bytes: %w: give 0 for the default, or more", c.Slack, ErrConfig)
	case !(c.Beta >= 0 && c.Beta <= 1):
		return fmt.Errorf("weight β of %g: %w: give more than 0, at most 1", c.Beta, ErrConfig)
	case !(c.StallLimit >= 0 && c.StallLimit <= 1):
		return fmt.Errorf("stall limit of %g: %w: give a share of a second, more than 0, at most 1", c.StallLimit, ErrConfig)
	case c.EvictRate < 0:
		return fmt.Errorf("evict rate of %d bytes a second: %w: give 0 for the default, or more", c.EvictRate, ErrConfig)
	case c.PrepareRate < 0:
		return fmt.Errorf("prepare rate of %d bytes a second: %w: give 0 for the default, or more", c.PrepareRate, ErrConfig)
	case !(c.Calm >= 0) || math.IsInf(c.Calm, 1):
		return fmt.Errorf("calm of %g seconds: %w: give 0 for the default, or more", c.Calm, ErrConfig)
	}
	return nil
}

// withDefaults fills in zero fields.
func (c Config) withDefaults() Config {
	c.HeadRoom = bounded(c.HeadRoom)
	if c.Slack == 0 {
		c.Slack = c.HeadRoom / slackShare
	}
	if c.Beta == 0 {
		c.Beta = DefaultBeta
	}
	if c.StallLimit == 0 {
		c.StallLimit = DefaultStallLimit
	}
	if c.EvictRate == 0 {
		c.EvictRate = c.HeadRoom / evictShare
	}
	if c.PrepareRate == 0 {
		c.PrepareRate = DefaultPrepareRate
	}
	if c.Calm == 0 {
		c.Calm = DefaultCalm
	}
	c.Slack = bounded(c.Slack)
	return c
}
