package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := WriteKey(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v: %v", info.Mode(), err)
	}
	keys, err := LoadKeys(path)
	if err != nil || len(keys) != 1 || keys[0] == (Key{}) {
		t.Fatal(err)
	}
	key := keys[0]
	before, _ := os.ReadFile(path)
	if err := WriteKey(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the key has changed")
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := WriteKey(other); err != nil {
		t.Fatal(err)
	}
	if second, err := LoadKeys(other); err != nil || second[0] == key {
		t.Errorf("two keys are one: %v", err)
	}
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s", key, key, key, key), fmt.Sprintf("%v", &key)} {
		if strings.Contains(text, fmt.Sprint(key[0])+" ") {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestKeyFilesAreChecked(t *testing.T) {
	digits := strings.Repeat("5a", KeySize)
	for name, test := range map[string]struct {
		content string
		mode    os.FileMode
		good    bool
	}{
		"digits":          {digits, 0o600, true},
		"digits, newline": {digits + "\r\n", 0o400, true},
		"bytes":           {strings.Repeat("\xfe", KeySize), 0o600, true},
		"two":             {"# the new one\n" + digits + "\n\n" + digits[:62] + "00\n", 0o600, true},
		"two, one short":  {digits + "\n" + digits[2:] + "\n", 0o600, false},
		"two in a line":   {digits + " " + digits, 0o600, false},
		"nine":            {strings.Repeat(digits+"\n", 9), 0o600, false},
		"a comment alone": {"# no key\n", 0o600, false},
		"empty":           {"", 0o600, false},
		"short":           {digits[2:], 0o600, false},
		"long":            {digits + "5a", 0o600, false},
		"very long":       {strings.Repeat(digits, 1000), 0o600, false},
		"no digits":       {strings.Repeat("xy", KeySize), 0o600, false},
		"zeros":           {strings.Repeat("00", KeySize), 0o600, false},
		"open to all":     {digits, 0o644, false},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		keys, err := LoadKeys(path)
		if name == "two" && (len(keys) != 2 || keys[0] == keys[1]) {
			t.Errorf("%s: %d keys", name, len(keys))
		}
		if (err == nil) != test.good || err != nil && (!errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "5a5a") {
			t.Errorf("%s: the key is in %v", name, err)
		}
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero"} {
		if _, err := LoadKeys(path); !errors.Is(err, ErrKeyFile) || !errors.Is(err, owned.ErrNotRegular) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := LoadKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrKeyFile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := WriteKey(filepath.Join(t.TempDir(), "no", "folder")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
