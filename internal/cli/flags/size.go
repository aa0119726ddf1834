package flags

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a flag's value: a number of bytes, written with a binary unit.
type Size int64

const sizeUnits = "KMGTP" // each 1024 times the one before

// ParseSize reads 4096, 64K, 16G or 64MiB, in either case. Decimal units (MB)
// are refused rather than guessed at. The result is 0 to 2^63-1.
func ParseSize(text string) (Size, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	number, unit := text[:digits], strings.ToUpper(text[digits:])
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: want a number with K, M, G, T or P, such as 64M", text)
	}
	if unit == "" {
		return Size(n), nil
	}
	i := strings.IndexByte(sizeUnits, unit[0])
	if rest := unit[1:]; i < 0 || rest != "" && rest != "IB" {
		return 0, fmt.Errorf("%q is not a size: unknown unit %q, want K, M, G, T or P for powers of 1024", text, text[digits:])
	}
	shift := 10 * (i + 1)
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is not a size: too large", text)
	}
	return Size(n << shift), nil
}

// Set is part of pflag.Value.
func (s *Size) Set(text string) error {
	v, err := ParseSize(text)
	if err == nil {
		*s = v
	}
	return err
}

// Type is part of pflag.Value: what help shows.
func (s *Size) Type() string { return "size" }

// String is the size in the largest unit that divides it; ParseSize reads it
// back as the same size.
func (s Size) String() string {
	n, unit := int64(s), ""
	for _, u := range sizeUnits {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, string(u)
	}
	return strconv.FormatInt(n, 10) + unit
}
