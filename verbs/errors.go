package verbs

import (
	"errors"
	"fmt"
)

// Errors of the control path and of Post. They come wrapped with what was tried.
var (
	ErrQueueFull     = errors.New("queue full: poll completions before posting more")
	ErrNotReady      = errors.New("connection is not ready: connect again")
	ErrBounds        = errors.New("buffer out of bounds of a registered region or of the length limit")
	ErrOpcode        = errors.New("unknown opcode")
	ErrOutstanding   = errors.New("operations outstanding: Fail and Poll until there are none")
	ErrBusy          = errors.New("still in use")
	ErrConfig        = errors.New("configuration out of range")
	ErrRefused       = errors.New("server refused the credential: the session is unknown there or its secret differs")
	ErrFenced        = errors.New("connection is fenced off: the server knows a later one of the same place")
	ErrVersion       = errors.New("peer speaks another protocol version: run the same version on both sides")
	ErrProtocol      = errors.New("peer broke the protocol")
	ErrSessionExists = errors.New("session is admitted already")
	ErrNoSession     = errors.New("no such session")
	ErrNoKey         = errors.New("no such key in the session")
	ErrClosed        = errors.New("closed")
	// ErrUnavailable means that this machine cannot use the transport at all: the
	// reason follows, and what to install or load.
	ErrUnavailable = errors.New("transport is not available on this machine")
)

// Errors that end a QP, as QP.Err and Status.Err give them.
var (
	ErrFlushed      = errors.New("operation flushed: the connection failed before it was done")
	ErrRemoteAccess = errors.New("remote access error: key or bounds refused by the server")
	ErrTransport    = errors.New("transport failed")
	ErrTimeout      = errors.New("operation timed out")
	ErrFailed       = errors.New("connection failed by its owner")
)

// Status is how an operation ended.
type Status uint8

// The statuses of a Completion. Every one but StatusOK is fatal to the QP.
const (
	StatusOK           Status = iota
	StatusFlushed             // not carried out, or not known to be, because the QP failed
	StatusRemoteAccess        // the server refused key or bounds
	StatusTransport           // the connection broke, or the peer broke the protocol
	StatusTimeout             // took longer than QPConfig.Timeout
)

// String is a short word for logs and metrics.
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusFlushed:
		return "flushed"
	case StatusRemoteAccess:
		return "remote-access"
	case StatusTransport:
		return "transport"
	case StatusTimeout:
		return "timeout"
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// Err is nil for StatusOK, otherwise the sentinel that belongs to the status.
func (s Status) Err() error {
	switch s {
	case StatusOK:
		return nil
	case StatusFlushed:
		return ErrFlushed
	case StatusRemoteAccess:
		return ErrRemoteAccess
	case StatusTimeout:
		return ErrTimeout
	default:
		return ErrTransport
	}
}
