package workload

import (
	"fmt"
	"strconv"
)

// Size says how much memory a workload uses: a name, or a number of bytes in decimal.
type Size string

// Small fits a virtual machine of 3 GiB, Medium a machine of 16, Paper is as in the
// paper's evaluation.
const (
	Small  Size = "small"
	Medium Size = "medium"
	Paper  Size = "paper"
)

// minBytes is the least memory with which every workload can do something.
const minBytes = 1 << 20

// maxBytes is half of what a process can address.
const maxBytes = 1 << 46

// Bytes returns about how much memory a workload's data take; an application needs some more.
// It returns an error wrapping ErrConfig if s is neither a name nor a usable number.
func (s Size) Bytes() (int64, error) {
	switch s {
	case Small:
		return 320 << 20, nil
	case Medium:
		return 4 << 30, nil
	case Paper:
		return 12 << 30, nil
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil || n < minBytes {
		return 0, fmt.Errorf("size %q: give %s, %s, %s, or a number of bytes of at least %d: %w",
			string(s), Small, Medium, Paper, minBytes, ErrConfig)
	}
	return n, nil
}
