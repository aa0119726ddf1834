package main

import (
	"errors"
	"slices"
)

// advice is what a person can do about an error. Libraries say what went wrong in terms of
// their own; the flags and commands that help are known here alone.
type advice struct {
	about error  // found by errors.Is
	say   string // follows the error's text

	of func(error) string // instead of the two: returns what to say, empty if it has nothing to say
}

// allAdvice is searched in order; the first that fits is given.
var allAdvice = slices.Concat(
	swapdevAdvice,
	ublkAdvice,
	controlAdvice,
	donorAdvice,
	clusterAdvice,
	statusAdvice,
)

// adviceFor returns what to say after an error's text, empty if nothing is known.
func adviceFor(err error) string {
	for _, a := range allAdvice {
		if a.of != nil {
			if say := a.of(err); say != "" {
				return ": " + say
			}
			continue
		}
		if errors.Is(err, a.about) {
			return ": " + a.say
		}
	}
	return ""
}
