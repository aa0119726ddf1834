package lend

import (
	"fmt"
	"strings"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

// parseAllowances reads values of --allow: NAME, NAME=SIZE, NAME,reserve=SIZE or
// NAME=SIZE,reserve=SIZE.
func parseAllowances(list []string) ([]donor.Allowance, error) {
	var all []donor.Allowance
	for _, text := range list {
		one, err := parseAllowance(text)
		if err != nil {
			return nil, usage.Errorf("--allow %q: %w", text, err)
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

// parsePositive is ParseSize for an amount that cannot be 0: it would mean none.
func parsePositive(text string) (int64, error) {
	size, err := flags.ParseSize(text)
	if err == nil && size == 0 {
		err = fmt.Errorf("%q: want more than 0", text)
	}
	return int64(size), err
}
