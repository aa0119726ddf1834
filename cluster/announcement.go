package cluster

import (
	"fmt"
	"math"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Announcement is what a donor says about itself.
type Announcement struct {
	Name    string // 1 to 64 letters, digits, dots, dashes or underscores
	Address string // control HOST:PORT; a host that is empty or unspecified becomes the address that gossip advertises
	Free    int64  // bytes that it could still lend
	Total   int64  // bytes that it lends at most, from 1
}

// announced is an announcement as it travels.
type announced struct {
	Announcement
	claim uint64        // to the name: the lowest keeps it
	seq   uint64        // of this process's announcements, from 1; makes each differ
	up    time.Duration // since the first of them, whole seconds
}

// Format of the metadata: a byte with its version, then CBOR. Fields can be added
// under the same version; older members skip them. A change that an older member
// would misread takes a new version, which it ignores.
const (
	announcementVersion = 1
	maxAnnouncement     = 512 // bytes, memberlist's MetaMaxSize
	maxUp               = uint64(math.MaxInt64 / int64(time.Second))
)

// wireAnnouncement is version 1. Numbers are never reused.
type wireAnnouncement struct {
	Name    string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint"`
	Free    uint64 `cbor:"3,keyasint"` // bytes
	Total   uint64 `cbor:"4,keyasint"` // bytes
	Claim   uint64 `cbor:"5,keyasint"`
	Seq     uint64 `cbor:"6,keyasint"`
	Up      uint64 `cbor:"7,keyasint,omitempty"` // seconds
}

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  4,
		MaxArrayElements: 64,
		MaxMapPairs:      64,
	}.DecMode())
)

// The options are constants: an error is a mistake in this file.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// check bounds what is announced. Errors wrap ErrAnnouncement.
func (a Announcement) check() error {
	switch {
	case !validName(a.Name):
		return fmt.Errorf("%w: donor name %q: want 1 to %d letters, digits, dots, dashes or underscores", ErrAnnouncement, oneLine(a.Name), maxNameLen)
	case a.Total <= 0 || a.Free < 0 || a.Free > a.Total:
		return fmt.Errorf("%w: %d of %d bytes free", ErrAnnouncement, a.Free, a.Total)
	}
	if err := CheckAddress(a.Address); err != nil {
		return fmt.Errorf("%w: %w", ErrAnnouncement, err)
	}
	return nil
}

// encode never fails for an announcement that check accepts: such a one has 64
// bytes of name, 259 of address, and less than 70 of all else.
func (a announced) encode() ([]byte, error) {
	body, err := encMode.Marshal(wireAnnouncement{
		Name: a.Name, Address: a.Address, Free: uint64(a.Free), Total: uint64(a.Total),
		Claim: a.claim, Seq: a.seq, Up: uint64(a.up / time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnnouncement, err)
	}
	if len(body)+1 > maxAnnouncement {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrAnnouncement, len(body)+1, maxAnnouncement)
	}
	return append([]byte{announcementVersion}, body...), nil
}

// decode reads metadata that is not empty. Errors wrap ErrNewer or
// ErrAnnouncement.
func decode(meta []byte) (announced, error) {
	switch {
	case len(meta) == 0 || len(meta) > maxAnnouncement:
		return announced{}, fmt.Errorf("%w: %d bytes", ErrAnnouncement, len(meta))
	case meta[0] > announcementVersion:
		return announced{}, fmt.Errorf("%w: version %d, this one knows %d", ErrNewer, meta[0], announcementVersion)
	case meta[0] == 0:
		return announced{}, fmt.Errorf("%w: version 0", ErrAnnouncement)
	}
	var w wireAnnouncement
	if err := decMode.Unmarshal(meta[1:], &w); err != nil {
		return announced{}, fmt.Errorf("%w: %w", ErrAnnouncement, err)
	}
	if w.Free > math.MaxInt64 || w.Total > math.MaxInt64 || w.Claim == 0 || w.Seq == 0 || w.Up > maxUp {
		return announced{}, fmt.Errorf("%w: a number is out of range", ErrAnnouncement)
	}
	a := announced{
		Announcement: Announcement{Name: w.Name, Address: w.Address, Free: int64(w.Free), Total: int64(w.Total)},
		claim:        w.Claim, seq: w.Seq, up: time.Duration(w.Up) * time.Second,
	}
	return a, a.check()
}

// muchChanged says whether an announcement should be made anew at once, not
// with the next regular one: when the donor is another, has no room any more or
// some again, or has gained or lost a sixteenth of what it lends.
func muchChanged(old, now Announcement) bool {
	change := now.Free - old.Free
	return old.Name != now.Name || old.Address != now.Address || old.Total != now.Total ||
		(old.Free == 0) != (now.Free == 0) || max(change, -change) > now.Total/16
}

// withHost fills in the host of an address that has none.
func withHost(address, host string) (string, error) {
	if CheckAddress(address) == nil {
		return address, nil
	}
	_, port, err := splitAddress(address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAnnouncement, err)
	}
	return joinAddress(host, port), nil
}
