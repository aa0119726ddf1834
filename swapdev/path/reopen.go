package path

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// claimPause is between two attempts to claim a store that a server which has just died still holds,
	// and claimTime is how long it may.
	claimPause = 10 * time.Millisecond
	claimTime  = 3 * time.Second
)

// Reopen opens the backing file of a device that has one, and changes nothing. The server before may still
// write to it: see Claim. made says that the file was made for the device. Errors wrap ErrBacking.
func Reopen(c BackingConfig, made bool) (*BackingFile, error) {
	b := &BackingFile{path: c.Path, size: c.Size, made: made}
	if err := b.reopen(); err != nil {
		return nil, fmt.Errorf("backing file %s: %w: %w", c.Path, ErrBacking, errors.Join(err, b.Close()))
	}
	return b, nil
}

func (b *BackingFile) reopen() error {
	info, err := os.Stat(b.path)
	if err != nil {
		return err
	}
	flags := os.O_RDWR | unix.O_DIRECT
	if b.disk = info.Mode().Type() == os.ModeDevice; !b.disk {
		flags |= unix.O_NOFOLLOW
	}
	if b.file, err = os.OpenFile(b.path, flags, 0); err != nil {
		return openAdvice(err)
	}
	have, err := b.file.Seek(0, io.SeekEnd)
	if err == nil && have < b.size {
		err = fmt.Errorf("it has %d bytes, the device %d: it is another one, or was cut", have, b.size)
	}
	return err
}

// Claim makes a file from Reopen this process's alone, once the server before has died: the kernel lets go of
// it a moment later. It reads nothing from a disk that may wait for this device. Errors wrap ErrBacking.
func (b *BackingFile) Claim(inMemory bool) error {
	for end := time.Now().Add(claimTime); ; time.Sleep(claimPause) {
		err := b.claimNow(inMemory)
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("backing file %s: %w: %w", b.path, ErrBacking, err)
		}
	}
}

func (b *BackingFile) claimNow(inMemory bool) (err error) {
	file := b.file
	if b.disk { // exclusive, which it could not be while another server had it
		if file, err = os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(b.file.Fd())), os.O_RDWR|unix.O_DIRECT|unix.O_EXCL, 0); err != nil {
			return openAdvice(err)
		}
	}
	claim, err := Take(file, b.path, inMemory)
	if err != nil {
		if b.disk {
			err = errors.Join(err, file.Close())
		}
		return err
	}
	b.claim = claim
	if b.disk {
		err = b.file.Close()
		b.file = file
	}
	return err
}
