package lastwords

import (
	"strings"
	"testing"
)

// TestTail keeps the end, cuts no character in two, and is one line.
func TestTail(t *testing.T) {
	var tail Tail
	if tail.String() != "" {
		t.Errorf("before anything is written: %q", tail.String())
	}
	for range size {
		if n, err := tail.Write([]byte("ä")); n != 2 || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := tail.Write([]byte("x\n\n the  end\n")); err != nil {
		t.Fatal(err)
	}
	got := tail.String()
	if !strings.HasSuffix(got, "äx the end") || strings.Trim(got, "ä") != "x the end" || len(got) > size {
		t.Errorf("%q", got)
	}
}
