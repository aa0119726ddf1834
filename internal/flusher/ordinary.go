package flusher

import "golang.org/x/sys/unix"

// Ordinary makes the calling thread one like any other: no I/O flusher, and not real-time. A process
// that it starts is ordinary, too. Lock the goroutine to its thread before, and let the thread end with
// it: no other goroutine of a server may run there.
func Ordinary() {
	// A thread that never was an I/O flusher may lack the right to say that it is none.
	_ = unix.Prctl(unix.PR_SET_IO_FLUSHER, 0, 0, 0, 0)
	_ = setPlain() // likewise
}
