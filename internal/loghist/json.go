package loghist

import (
	"encoding/json"
	"fmt"
)

// sparse is a histogram in JSON: its buckets that are not empty, as pairs of the lower
// bound in nanoseconds and the count, in ascending order.
type sparse struct {
	Count   uint64      `json:"count"`
	Sum     uint64      `json:"sum_ns"`
	Buckets [][2]uint64 `json:"buckets"`
}

// MarshalJSON writes {"count", "sum_ns", "buckets": [[lower bound in ns, count], …]}
// without the empty buckets.
func (h Histogram) MarshalJSON() ([]byte, error) {
	s := sparse{Count: h.Count(), Sum: h.Sum, Buckets: [][2]uint64{}}
	for i, c := range h.Counts {
		if c > 0 {
			s.Buckets = append(s.Buckets, [2]uint64{lower(i), c})
		}
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote. Bounds of another scale are refused.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var s sparse
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*h = Histogram{Sum: s.Sum}
	for _, b := range s.Buckets {
		i := Index(b[0])
		if lower(i) != b[0] {
			return fmt.Errorf("histogram: %d ns is not the lower bound of a bucket: another version may have made it", b[0])
		}
		h.Counts[i] += b[1]
	}
	if n := h.Count(); n != s.Count {
		return fmt.Errorf("histogram: its buckets have %d durations, but its count is %d", n, s.Count)
	}
	return nil
}
