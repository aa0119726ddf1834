package cluster

import (
	"fmt"
	"math"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Announcement is what a donor announces about itself.
type Announcement struct {
	Name    string // 1 to 64 letters, digits, dots, dashes or underscores
	Address string // control HOST:PORT; gossip replaces an empty or unspecified host by the address that it advertises
	Free    int64  // bytes that it could still lend
	Total   int64  // bytes that it lends at most, at least 1
}

// announced is an announcement on the wire.
type announced struct {
	Announcement
	claim uint64        // to the name: the lowest claim keeps it
	seq   uint64        // number of this announcement in this process, from 1; so no two are equal
	up    time.Duration // time since the first of them, in whole seconds
}

// Format of the metadata: a byte with its version, then CBOR. A new field does not change the version,
// because older members skip it. A change that an older member would misread needs a new version, which
// the older member ignores.
const (
	announcementVersion = 1
	maxAnnouncement     = 512 // bytes, memberlist's MetaMaxSize
	maxUp               = uint64(math.MaxInt64 / int64(time.Second))
)

// wireAnnouncement is version 1. Never reuse a number.
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

// must panics on an error. The options are constants, so an error is a mistake in this file.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// check checks the bounds of all fields. Errors wrap ErrAnnouncement.
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

// encode never fails for an announcement that check accepts: its name has 64 bytes at most, its address
// 259, and the rest takes less than 70.
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

// decode reads metadata. Errors wrap ErrNewer or ErrAnnouncement. Precondition: meta is not empty.
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

// muchChanged reports whether a member should announce at once and not with the next regular
// announcement: when the donor is another, when its last room is gone or it has room again, or when its
// free memory has changed by a sixteenth of what it lends.
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
