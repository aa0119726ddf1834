package advice

import (
	"errors"
	"slices"
)

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
