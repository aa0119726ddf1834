// Package advice tells a person what to do about an error. Libraries say what went wrong in
// terms of their own. The flags and commands that help are known in the command line alone.
//
// What is known about the errors of one library is a list in a file with the library's
// name. Both programs link this package, so a library that only farswap links has no file
// here.
package advice

import (
	"errors"
	"slices"
)

// advice is what a person can do about an error.
type advice struct {
	about error  // found by errors.Is
	say   string // follows the error's text

	of func(error) string // instead of the two: returns what to say, empty if it has nothing to say
}

// allAdvice is searched in order. The first that fits is given.
var allAdvice = slices.Concat(
	devserverAdvice,
	swapdevAdvice,
	ublkAdvice,
	controlAdvice,
	donorAdvice,
	clusterAdvice,
	statusAdvice,
)

// For returns what to say after an error's text, empty if nothing is known.
func For(err error) string {
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
