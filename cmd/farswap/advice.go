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
}

// allAdvice is searched in order; the first that fits is given.
var allAdvice = slices.Concat(
	swapdevAdvice,
	ublkAdvice,
)

// adviceFor returns what to say after an error's text, empty if nothing is known.
func adviceFor(err error) string {
	for _, a := range allAdvice {
		if errors.Is(err, a.about) {
			return ": " + a.say
		}
	}
	return ""
}
