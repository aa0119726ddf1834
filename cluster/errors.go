package cluster

import (
	"errors"
	"strings"
	"unicode"
)

// Sentinel errors.
var (
	ErrConfig       = errors.New("invalid cluster configuration")
	ErrAnnouncement = errors.New("invalid announcement")
	ErrNewer        = errors.New("announcement of a newer release")
	ErrKeyFile      = errors.New("no usable gossip key")
	ErrKeyDiffers   = errors.New("gossip keys differ")
	ErrVersion      = errors.New("gossip versions differ")
	ErrFull         = errors.New("too many streams of gossip")
	ErrNotGossip    = errors.New("no gossip is spoken there")
	ErrNoMember     = errors.New("no member of the cluster can be reached")
	ErrClosed       = errors.New("closed")
	ErrListen       = errors.New("choose another address") // gossip cannot listen on the configured address
	ErrNoKey        = errors.New("make a key and copy it to every member")
)

// oneLine bounds a foreign text and replaces characters that could forge a log line or steer a terminal.
func oneLine(s string) string {
	const most = 512
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
