package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// donorCount is how many donors there are.
const donorCount = 2

// Bounds of a fault's time. A donor that is unreachable for so long is suspended and not lost: the grace
// time of a device is 30 s.
const (
	longestWait = 2 * time.Second
	leastFor    = 2 * time.Second
	mostFor     = 7 * time.Second
)

// Fault is one fault: what happens where and when.
type Fault struct {
	Kind  Kind          `json:"kind"`
	Donor int           `json:"donor"` // 1 to donorCount: at or before which donor, if the kind is about one
	After time.Duration `json:"after"` // from the begin of its round
	For   time.Duration `json:"for"`   // how long it lasts
	Dice  uint64        `json:"dice"`  // what the kind chooses by: rates, delays, places of bits
}

func (f Fault) String() string {
	return fmt.Sprintf("%s (donor %d) after %v for %v", f.Kind, f.Donor, f.After.Round(time.Millisecond), f.For.Round(time.Millisecond))
}

// Round is one fault, or two at the same time.
type Round []Fault

func (r Round) String() string {
	var parts []string
	for _, f := range r {
		parts = append(parts, f.String())
	}
	return strings.Join(parts, " and ")
}

// mayLose reports whether the round can lose pages of a device whose pages had both copies.
func (r Round) mayLose() bool { return len(r) == 2 && mayLose(r[0].Kind, r[1].Kind) }

// Schedule is an endless row of rounds, which follows from its seed alone: neither from what is available
// on a machine, nor from how long a round takes.
type Schedule struct {
	random *rand.Rand
	bag    []Kind // single faults that are still to come before any comes again
	count  int
	only   [][]Kind // if there are any: these rounds in turns
}

// parseOnly reads rounds: kinds with commas between, and with a plus between those of a pair.
func parseOnly(text string) (rounds [][]Kind, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		var round []Kind
		for name := range strings.SplitSeq(part, "+") {
			if !slices.Contains(kinds, Kind(name)) {
				return nil, fmt.Errorf("there is no fault %q, only %q", name, kinds)
			}
			round = append(round, Kind(name))
		}
		if len(round) > 2 {
			return nil, fmt.Errorf("%q are more than two faults", part)
		}
		rounds = append(rounds, round)
	}
	return rounds, nil
}

// newSchedule is the schedule of a seed.
func newSchedule(seed uint64) *Schedule {
	return &Schedule{random: rand.New(rand.NewPCG(seed, 0xfa5a))}
}

// pairEvery is how often a round is a pair.
const pairEvery = 3

// Next is the next round. Every third is a pair of any two kinds; the others are single faults, each kind once
// before any comes again.
func (s *Schedule) Next() Round {
	s.count++
	if len(s.only) > 0 {
		var r Round
		for _, k := range s.only[(s.count-1)%len(s.only)] {
			r = append(r, s.fault(k))
		}
		return r
	}
	if s.count%pairEvery == 0 {
		first := s.random.IntN(len(kinds))
		second := (first + 1 + s.random.IntN(len(kinds)-1)) % len(kinds)
		return Round{s.fault(kinds[first]), s.fault(kinds[second])}
	}
	if len(s.bag) == 0 {
		s.bag = append(s.bag, kinds...)
		s.random.Shuffle(len(s.bag), func(i, j int) { s.bag[i], s.bag[j] = s.bag[j], s.bag[i] })
	}
	k := s.bag[0]
	s.bag = s.bag[1:]
	return Round{s.fault(k)}
}

// fault draws time and place of a fault. It draws as much for every kind.
func (s *Schedule) fault(k Kind) Fault {
	return Fault{
		Kind:  k,
		Donor: 1 + s.random.IntN(donorCount),
		After: time.Duration(s.random.Int64N(int64(longestWait))),
		For:   leastFor + time.Duration(s.random.Int64N(int64(mostFor-leastFor))),
		Dice:  s.random.Uint64(),
	}
}
