package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/farswap/farswap/internal/owned"
)

// KeySize is the length of a gossip key in bytes: AES-256.
const KeySize = 32

// Key encrypts the gossip of a cluster. Everybody with the key can become a member.
type Key [KeySize]byte

// String keeps the key out of logs.
func (Key) String() string { return "gossip key" }

// GoString keeps the key out of logs.
func (Key) GoString() string { return "cluster.Key{…}" }

// WriteKey makes a random key and writes it to a new file of mode 0600, as 64 hexadecimal digits and a
// newline. It does not touch a file that exists (os.ErrExist) and leaves no file behind on an error.
func WriteKey(path string) (err error) {
	var key Key
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make a gossip key: %w: remove it, or choose another file", err)
	} else if err != nil {
		return fmt.Errorf("make a gossip key: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make a gossip key: %w", err), os.Remove(path))
		}
	}()
	_, err = fmt.Fprintf(f, "%x\n", key[:])
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

const (
	maxKeys    = 8       // of a file: a cluster has two while its key is replaced
	maxKeyFile = 4 << 10 // bytes
)

// LoadKeys reads a key file: 64 hexadecimal digits, or several lines of them, or 32 raw bytes. Gossip
// sends with the first key and accepts all. So a key can be replaced: the new one is added at the end of
// every member's file, then moved to the beginning of every one, and then the old one is removed. Lines
// that are empty or begin with # are passed over. The error is ErrKeyFile if the file is missing, is no
// regular file or has another form, or if other users can read it.
func LoadKeys(path string) ([]Key, error) {
	f, err := owned.OpenRead(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %w: %w", path, ErrKeyFile, os.ErrNotExist, ErrNoKey)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w: mode %#o lets other users read the key: chmod 600 it, or make another if they did", path, ErrKeyFile, info.Mode().Perm())
	}
	data, err := owned.ReadAll(f, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w: %w", path, ErrKeyFile, err, ErrNoKey)
	}
	return keys, nil
}

func parseKeys(data []byte) ([]Key, error) {
	if len(data) == KeySize {
		key := Key(data)
		return []Key{key}, checkKey(key)
	}
	var keys []Key
	for line := range bytes.Lines(data) {
		digits := bytes.TrimSpace(line)
		if len(digits) == 0 || digits[0] == '#' {
			continue
		}
		var key Key
		if len(digits) != 2*KeySize {
			return nil, fmt.Errorf("key %d has %d bytes: want %d hexadecimal digits a line, or %d bytes", len(keys)+1, len(digits), 2*KeySize, KeySize)
		}
		if _, err := hex.Decode(key[:], digits); err != nil {
			return nil, fmt.Errorf("key %d: want %d hexadecimal digits", len(keys)+1, 2*KeySize)
		}
		if err := checkKey(key); err != nil {
			return nil, err
		}
		if keys = append(keys, key); len(keys) > maxKeys {
			return nil, fmt.Errorf("it has more than %d keys", maxKeys)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("it has %d bytes: want %d hexadecimal digits, or %d bytes", len(data), 2*KeySize, KeySize)
	}
	return keys, nil
}

func checkKey(key Key) error {
	if key == (Key{}) {
		return errors.New("it is all zeros")
	}
	return nil
}
