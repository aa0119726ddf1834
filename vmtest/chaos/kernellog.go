package main

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ioError is what the kernel says of an I/O error of a farswap device, or of swap. Errors of the disk below the
// backing file have another name, and are faults.
var ioError = regexp.MustCompile(`(I/O error|critical \S+ error|error, dev ).*ublkb|(Read|Write)-error on swap-device`)

// kernelLog follows the kernel's log.
type kernelLog struct {
	mu     sync.Mutex // guards errors
	errors []kernelLine
}

// kernelLine is a line of the kernel's log.
type kernelLine struct {
	At   time.Duration `json:"at"` // on the monotonic clock
	Text string        `json:"text"`
}

// followKernel follows the log from now on.
func followKernel() (*kernelLog, error) {
	f, err := os.OpenFile("/dev/kmsg", os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if _, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_END); err != nil {
		return nil, err
	}
	l := &kernelLog{}
	go func() {
		b := make([]byte, 8<<10)
		for {
			n, err := unix.Read(int(f.Fd()), b)
			if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR) { // lines were lost to newer ones
				continue
			} else if err != nil {
				return
			}
			if line, ok := parseKernel(string(b[:n])); ok && ioError.MatchString(line.Text) {
				l.mu.Lock()
				l.errors = append(l.errors, line)
				l.mu.Unlock()
			}
		}
	}()
	return l, nil
}

// parseKernel reads a record of /dev/kmsg: priority, number, microseconds, flags; text.
func parseKernel(record string) (kernelLine, bool) {
	head, text, ok := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return kernelLine{}, false
	}
	at, err := strconv.ParseInt(fields[2], 10, 64)
	text, _, _ = strings.Cut(text, "\n")
	return kernelLine{At: time.Duration(at) * time.Microsecond, Text: text}, err == nil
}

// seen are the I/O errors so far.
func (l *kernelLog) seen() []kernelLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]kernelLine(nil), l.errors...)
}
