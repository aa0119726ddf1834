package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	key, err := LoadKey(path)
	if err != nil || key == (Key{}) {
		t.Fatal(err)
	}
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
	if second, err := LoadKey(other); err != nil || second == key {
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
		_, err := LoadKey(path)
		if (err == nil) != test.good || err != nil && (!errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "5a5a") {
			t.Errorf("%s: the key is in %v", name, err)
		}
	}
	if _, err := LoadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrKeyFile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := WriteKey(filepath.Join(t.TempDir(), "no", "folder")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
