package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limit is a memory limit in percent of a workload's peak, 1 to 100. It is written 50%.
type Limit int

// ErrConfig means that a plan cannot be carried out.
var ErrConfig = errors.New("unusable plan")

// ParseLimit reads 50% or 50.
func ParseLimit(text string) (Limit, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 1 || n > 100 {
		return 0, fmt.Errorf("%q is not a limit: want 1%% to 100%% of the workload's peak: %w", text, ErrConfig)
	}
	return Limit(n), nil
}

func (l Limit) String() string { return strconv.Itoa(int(l)) + "%" }

// Bytes returns the limit for a peak, in whole pages.
func (l Limit) Bytes(peak int64) int64 {
	const page = 4096
	bytes := peak/100*int64(l) + peak%100*int64(l)/100
	return max(bytes/page*page, page)
}

// MarshalJSON writes "50%".
func (l Limit) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Limit) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	var err error
	*l, err = ParseLimit(text)
	return err
}
