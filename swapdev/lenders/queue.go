package lenders

import "github.com/farswap/farswap/verbs"

// Queue is a queue of the device, as far as donors' connections go. Its methods may be
// called from any goroutine but the queue's own.
type Queue interface {
	Index() int
	Arena() []byte // of all its buffers
	AddLink()      // makes room for one more donor
	// Attach gives the queue a connection, in place of one that has failed if there is
	// one. When the connection fails, lost gets the reason.
	Attach(donor uint16, conn verbs.Conn, lost chan<- error) error
	// Drop ends a connection, and returns when nothing of it is left.
	Drop(donor uint16)
	// Heard counts how often data of a donor was taken up. It only rises.
	Heard(donor uint16) uint64
}
