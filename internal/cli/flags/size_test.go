package flags

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/internal/human"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "4096": 4096, "64K": 64 << 10, "64k": 64 << 10, "64M": 64 << 20, "64MiB": 64 << 20,
		"16G": 16 << 30, "16gib": 16 << 30, "2T": 2 << 40, "1P": 1 << 50, "0G": 0, "007K": 7 << 10,
		"1.5G": 3 << 29, "1.5gib": 3 << 29, "0.5K": 512, "40.8M": 42778624, "2.44G": 2619928576, "1.125M": 9 << 17, "8191.999P": 9223370910954868736,
		"9223372036854775807": math.MaxInt64, "8191P": 8191 << 50,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "M", "-1", "+1", "1.5", "1.G", ".5G", "1.2345G", "1.5.5G", "1.5MB", "1,5G", "1 G", "64MB", "64B", "64X", "64Mi", "64MiBs", "8192P",
		"9223372036854775808", "0x10", "1_000", "６４M", "64M\n",
	} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error has a line break", text)
		}
	}
}

func TestSizeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Size(rapid.Int64Min(0).Draw(t, "bytes") >> rapid.IntRange(0, 62).Draw(t, "right") << rapid.IntRange(0, 20).Draw(t, "left") & math.MaxInt64)
		if got, err := ParseSize(want.String()); err != nil || got != want {
			t.Errorf("%d is written %q and read as %d, %v", want, want.String(), got, err)
		}
	})
}

// TestPrintedSizesCanBeTyped: what farswap prints is read as about the same size.
func TestPrintedSizesCanBeTyped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<62).Draw(t, "bytes") >> rapid.IntRange(0, 62).Draw(t, "right")
		got, err := ParseSize(human.Bytes(n))
		if off := math.Abs(float64(int64(got) - n)); err != nil || off > float64(n)/100+sizePage {
			t.Errorf("%d is printed as %s, and read as %d, %v", n, human.Bytes(n), got, err)
		}
	})
}

func TestSizeFlagKeepsValueOnError(t *testing.T) {
	s := Size(7)
	if err := s.Set("64MB"); err == nil || s != 7 {
		t.Errorf("got %d, %v", s, err)
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64M", "16GiB", "-1", "9223372036854775807", "8192P", "1.5G", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseSize(text)
		if err != nil {
			return
		}
		if got < 0 {
			t.Errorf("%q is %d", text, got)
		}
		if again, err := ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q is %d, written %q, read as %d, %v", text, got, got.String(), again, err)
		}
	})
}
