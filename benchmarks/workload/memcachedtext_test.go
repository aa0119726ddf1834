package workload

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func reader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }

func TestReadValue(t *testing.T) {
	const key = "key-000000000007"
	for name, c := range map[string]struct {
		text, want string
		err        error
	}{
		"value":       {"VALUE key-000000000007 0 3\r\nabc\r\nEND\r\n", "abc", nil},
		"line ends":   {"VALUE key-000000000007 0 4\r\na\r\nb\r\nEND\r\n", "a\r\nb", nil},
		"empty":       {"VALUE key-000000000007 0 0\r\n\r\nEND\r\n", "", nil},
		"miss":        {"END\r\n", "", errMiss},
		"other key":   {"VALUE key-000000000008 0 3\r\nabc\r\nEND\r\n", "", errReply},
		"error":       {"SERVER_ERROR out of memory\r\n", "", errReply},
		"negative":    {"VALUE key-000000000007 0 -1\r\n", "", errReply},
		"huge":        {"VALUE key-000000000007 0 1048577\r\n", "", errReply},
		"longer":      {"VALUE key-000000000007 0 3\r\nabcd\r\nEND\r\n", "", errReply},
		"two values":  {"VALUE key-000000000007 0 3\r\nabc\r\nVALUE x 0 3\r\n", "", errReply},
		"no carriage": {"END\n", "", errReply},
	} {
		got, err := readValue(reader(c.text), []byte(key), nil)
		if !errors.Is(err, c.err) || err == nil && string(got) != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestReadStats(t *testing.T) {
	got, err := readStats(reader("STAT curr_items 12\r\nSTAT version 1.6 beta\r\nEND\r\n"))
	if err != nil || got["curr_items"] != "12" || got["version"] != "1.6 beta" || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"STAT curr_items\r\nEND\r\n", "ERROR\r\n", "STAT a b\r\n", ""} {
		if got, err := readStats(reader(text)); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

func TestFillReportsErrors(t *testing.T) {
	m := &memcachedPipe{out: bufio.NewWriter(&bytes.Buffer{}), in: reader("SERVER_ERROR out of memory storing object\r\nVERSION 1\r\n")}
	if err := m.filled(); !errors.Is(err, errReply) {
		t.Error(err)
	}
}

// FuzzReadValue: what is accepted is what the server would write for that value.
func FuzzReadValue(f *testing.F) {
	f.Add("VALUE k 0 3\r\nabc\r\nEND\r\n")
	f.Add("END\r\n")
	f.Add("VALUE k 0 99999999\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readValue(reader(text), []byte("k"), nil)
		if err != nil {
			return
		}
		if want := strconv.Itoa(len(got)) + "\r\n" + string(got) + "\r\nEND\r\n"; !strings.Contains(text, want) && !strings.Contains(text, "+"+want) {
			lead := strings.TrimLeft(strings.Fields(text)[3], "+0")
			if lead != "" && lead != strconv.Itoa(len(got)) {
				t.Errorf("%q gives %q", text, got)
			}
		}
	})
}

// FuzzReadStats: each counter was in a line of its own.
func FuzzReadStats(f *testing.F) {
	f.Add("STAT a b\r\nEND\r\n")
	f.Add("STAT a\r\nEND\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readStats(reader(text))
		if err != nil {
			return
		}
		for name, value := range got {
			if !strings.Contains(text, "STAT "+name+" "+value+"\r\n") {
				t.Errorf("%q has no counter %q of %q", text, name, value)
			}
		}
	})
}
