package flags

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// Duration adds a flag whose value is least to most.
func Duration(f *pflag.FlagSet, to *time.Duration, name string, value, least, most time.Duration, usage string) {
	*to = value
	f.Var(&boundedDuration{to, least, most}, name, usage)
}

// boundedDuration is a flag's value.
type boundedDuration struct {
	to          *time.Duration
	least, most time.Duration
}

// Set is part of pflag.Value.
func (b *boundedDuration) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration: want a number with a unit, such as 500ms or 30s", text)
	}
	if d < b.least || d > b.most {
		return fmt.Errorf("want %v to %v", b.least, b.most)
	}
	*b.to = d
	return nil
}

// Type is part of pflag.Value: what help shows.
func (b *boundedDuration) Type() string { return "duration" }

// String is part of pflag.Value.
func (b *boundedDuration) String() string {
	if b.to == nil {
		return ""
	}
	return b.to.String()
}

// Int adds a flag whose value is least to most.
func Int(f *pflag.FlagSet, to *int, name string, value, least, most int, usage string) {
	*to = value
	f.Var(&boundedInt{to, least, most}, name, usage)
}

// boundedInt is a flag's value.
type boundedInt struct {
	to          *int
	least, most int
}

// Set is part of pflag.Value.
func (b *boundedInt) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < b.least || n > b.most {
		return fmt.Errorf("want a whole number from %d to %d", b.least, b.most)
	}
	*b.to = n
	return nil
}

// Type is part of pflag.Value: what help shows.
func (b *boundedInt) Type() string { return "int" }

// String is part of pflag.Value.
func (b *boundedInt) String() string {
	if b.to == nil {
		return ""
	}
	return strconv.Itoa(*b.to)
}
