package vmtest

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// lookPause is between two reads of a Watch.
const lookPause = 5 * time.Millisecond

// Watch reads a block of a device again and again, past the page cache, and keeps the longest time that took. Its
// methods may be called from any goroutine.
type Watch struct {
	stop, ended chan struct{}
	once        sync.Once // closes stop

	mu      sync.Mutex // guards what follows
	longest time.Duration
	err     error
}

// WatchDevice begins to watch a device, until End.
func WatchDevice(path string) *Watch {
	w := &Watch{stop: make(chan struct{}), ended: make(chan struct{})}
	go w.run(path)
	return w
}

func (w *Watch) run(path string) {
	defer close(w.ended)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		w.took(0, err)
		return
	}
	defer f.Close()
	mem, err := offheap.Map(4096, offheap.Options{Lock: true}) // a fault would wait for the device itself
	if err != nil {
		w.took(0, err)
		return
	}
	for {
		select {
		case <-w.stop:
			w.took(0, offheap.Unmap(mem))
			return
		case <-time.After(lookPause):
		}
		begun := time.Now()
		_, err := f.ReadAt(mem, 0)
		w.took(time.Since(begun), err)
	}
}

func (w *Watch) took(d time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, d)
	w.err = errors.Join(w.err, err)
}

// Longest is the longest time of a read since the last call, and the error of one that failed since the beginning.
func (w *Watch) Longest() (time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.longest
	w.longest = 0
	return d, w.err
}

// End ends the watch, and returns the error of a read that failed. While it goes on the device is open, and the
// driver does not delete it. It may be called again.
func (w *Watch) End() error {
	w.once.Do(func() { close(w.stop) })
	<-w.ended
	_, err := w.Longest()
	return err
}
