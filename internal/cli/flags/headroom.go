package flags

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/farswap/farswap/donor"
)

// HeadRoom is a flag's value: a size, or a share of the machine's memory.
type HeadRoom donor.HeadRoom

// noHeadRoom is what "0" means; a donor's zero value is the default.
const noHeadRoom = -1

// Set is part of pflag.Value.
func (h *HeadRoom) Set(text string) error {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent >= 0 && percent < 100) || strings.ContainsAny(number, "xXpP_+-") {
			return fmt.Errorf("%q is not a share: want 0%% to less than 100%%", text)
		}
		*h = HeadRoom{Share: percent / 100}
		if percent == 0 {
			*h = HeadRoom{Bytes: noHeadRoom}
		}
		return nil
	}
	size, err := ParseSize(text)
	if err != nil {
		return fmt.Errorf("%w; or a share such as 25%%", err)
	}
	*h = HeadRoom{Bytes: int64(size)}
	if size == 0 {
		h.Bytes = noHeadRoom
	}
	return nil
}

// Type is part of pflag.Value: what help shows.
func (h *HeadRoom) Type() string { return "size or share" }

// String is what Set reads back as the same.
func (h *HeadRoom) String() string {
	switch {
	case h.Bytes < 0:
		return "0"
	case h.Bytes > 0:
		return Size(h.Bytes).String()
	case h.Share > 0:
		return strconv.FormatFloat(math.Round(h.Share*1e6)/1e4, 'f', -1, 64) + "%"
	default:
		return ""
	}
}
