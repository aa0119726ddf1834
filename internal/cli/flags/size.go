package flags

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a flag's value: a number of bytes, written with a binary unit.
type Size int64

const sizeUnits = "KMGTP" // each 1024 times the one before

// Of a fraction, digits up to mostDecimals count, which is one more than farswap prints. What it
// comes to is rounded down to whole pages.
const (
	mostDecimals = 3
	sizePage     = 4096
)

// ParseSize reads 4096, 64K, 16G, 64MiB or 1.5G, in either case. Decimal units (MB)
// are refused rather than guessed at. With a fraction, a size from a page on is rounded down to
// whole pages of 4096 bytes, as 2.44G is no whole number of bytes. The result is 0 to 2^63-1.
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
	fraction, unit, err := cutFraction(unit)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: %w", text, err)
	}
	i := strings.IndexByte(sizeUnits, unit[0])
	if rest := unit[1:]; i < 0 || rest != "" && rest != "IB" {
		return 0, fmt.Errorf("%q is not a size: unknown unit %q, want K, M, G, T or P for powers of 1024", text, text[digits:])
	}
	shift := 10 * (i + 1)
	if n > math.MaxInt64>>shift { // a fraction does not make it too large: it is below the next whole number
		return 0, fmt.Errorf("%q is not a size: too large", text)
	}
	size := n<<shift + fraction<<shift/thousand
	if fraction > 0 && size >= sizePage {
		size -= size % sizePage
	}
	return Size(size), nil
}

const thousand = 1000 // 10^mostDecimals

// cutFraction takes a fraction off the front of a unit, and returns it in thousandths.
func cutFraction(unit string) (thousandths int64, rest string, err error) {
	decimals, ok := strings.CutPrefix(unit, ".")
	if !ok {
		return 0, unit, nil
	}
	n := len(decimals) - len(strings.TrimLeft(decimals, "0123456789"))
	decimals, rest = decimals[:n], decimals[n:]
	switch {
	case n == 0 || n > mostDecimals:
		return 0, "", fmt.Errorf("want 1 to %d digits after the point", mostDecimals)
	case rest == "":
		return 0, "", errors.New("a fraction wants a unit: K, M, G, T or P")
	}
	thousandths, err = strconv.ParseInt((decimals + "000")[:mostDecimals], 10, 64)
	return thousandths, rest, err
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
