package cluster

import (
	"bytes"
	"testing"
)

// FuzzParseKeys: a file of keys gives one to maxKeys keys, none of them all zeros, or an error.
func FuzzParseKeys(f *testing.F) {
	digits := bytes.Repeat([]byte("0f"), KeySize)
	f.Add(bytes.Repeat([]byte{1}, KeySize))
	f.Add(append(digits, '\n'))
	f.Add(bytes.Join([][]byte{[]byte("# new"), digits, nil, digits}, []byte("\n")))
	f.Add(bytes.Repeat(append(digits, '\n'), maxKeys+1))
	f.Add(make([]byte, KeySize))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data)
		if err != nil {
			return
		}
		if len(keys) == 0 || len(keys) > maxKeys {
			t.Fatalf("%d keys, at most %d may be", len(keys), maxKeys)
		}
		for _, key := range keys {
			if key == (Key{}) {
				t.Fatal("a key is all zeros")
			}
		}
	})
}
