package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/farswap/farswap/donor"
)

// headRoom is a flag's value: a size, or a share of the machine's memory.
type headRoom donor.HeadRoom

// noHeadRoom is what "0" means; a donor's zero value is the default.
const noHeadRoom = -1

// Set is part of pflag.Value.
func (h *headRoom) Set(text string) error {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent >= 0 && percent < 100) || strings.ContainsAny(number, "xXpP_+-") {
			return fmt.Errorf("%q is not a share: want 0%% to less than 100%%", text)
		}
		*h = headRoom{Share: percent / 100}
		if percent == 0 {
			*h = headRoom{Bytes: noHeadRoom}
		}
		return nil
	}
	size, err := parseSize(text)
	if err != nil {
		return fmt.Errorf("%w; or a share such as 25%%", err)
	}
	*h = headRoom{Bytes: int64(size)}
	if size == 0 {
		h.Bytes = noHeadRoom
	}
	return nil
}

// Type is part of pflag.Value: what help shows.
func (h *headRoom) Type() string { return "size or share" }

// String is what Set reads back as the same.
func (h *headRoom) String() string {
	switch {
	case h.Bytes < 0:
		return "0"
	case h.Bytes > 0:
		return byteSize(h.Bytes).String()
	case h.Share > 0:
		return strconv.FormatFloat(math.Round(h.Share*1e6)/1e4, 'f', -1, 64) + "%"
	default:
		return ""
	}
}

// parseAllowances reads values of --allow: NAME, NAME=SIZE, NAME,reserve=SIZE or
// NAME=SIZE,reserve=SIZE.
func parseAllowances(list []string) ([]donor.Allowance, error) {
	var all []donor.Allowance
	for _, text := range list {
		one, err := parseAllowance(text)
		if err != nil {
			return nil, usage("--allow %q: %w", text, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func parseAllowance(text string) (donor.Allowance, error) {
	first, rest, more := strings.Cut(text, ",")
	name, most, bounded := strings.Cut(first, "=")
	one := donor.Allowance{Name: name}
	if bounded {
		size, err := parsePositive(most)
		if err != nil {
			return one, err
		}
		one.Most = size
	}
	if !more {
		return one, nil
	}
	reserve, ok := strings.CutPrefix(rest, "reserve=")
	if !ok {
		return one, fmt.Errorf("%q: want reserve=SIZE", rest)
	}
	size, err := parsePositive(reserve)
	one.Reserve = size
	return one, err
}

// parsePositive is parseSize for an amount that cannot be 0: it would mean none.
func parsePositive(text string) (int64, error) {
	size, err := parseSize(text)
	if err == nil && size == 0 {
		err = fmt.Errorf("%q: want more than 0", text)
	}
	return int64(size), err
}
