package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"runtime"

	"golang.org/x/sys/cpu"

	"github.com/farswap/farswap/slabmap"
)

const (
	keySize   = 32 // AES-256
	gcmTag    = 16
	nonceSize = 12
)

// Key seals the pages of one life of a device. It cannot be read out of it.
type Key struct {
	aead cipher.AEAD
	life uint16
	fold [gcmTag]byte // GCM's tag of a sealed page, xor the tag of the same bytes as additional data
}

// NewSecret makes what a key is made of, from the kernel's random numbers: nobody else has it. Whoever keeps
// it keeps it where it is never written to a disk, nor swapped.
func NewSecret() []byte {
	secret := make([]byte, keySize)
	rand.Read(secret) // never fails: it ends the program instead
	return secret
}

// NewKey makes the key of a device of its secret. life tells this life of the device from others: should two
// machines that were cloned as they started get the same random numbers, their nonces differ if their lives do.
func NewKey(secret []byte, life uint16) (*Key, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("key for sealed pages: a secret of %d bytes, want %d", len(secret), keySize)
	}
	return newKey(secret, life)
}

func newKey(secret []byte, life uint16) (*Key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("key for sealed pages: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("key for sealed pages: %w", err)
	}
	k := &Key{aead: aead, life: life}
	// The counter 0 is never given to a write, so nothing else is sealed under this nonce.
	nonce := make([]byte, nonceSize)
	sealed := aead.Seal(nil, nonce, make([]byte, slabmap.PageSize), nil)
	tag := aead.Seal(nil, nonce, nil, sealed[:slabmap.PageSize])
	subtle.XORBytes(k.fold[:], tag, sealed[slabmap.PageSize:])
	return k, nil
}

// InHardware reports whether the processor has instructions for AES-GCM. Without them a page takes a hundred times
// as long, and the time depends on the key.
func InHardware() bool {
	switch runtime.GOARCH {
	case "amd64":
		return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ
	case "arm64":
		return cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
	}
	return false
}
