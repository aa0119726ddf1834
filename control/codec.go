package control

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of a body beyond its length. They also apply to the unknown fields of a newer peer.
const (
	maxNesting = 8
	maxFields  = 64
)

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  maxNesting,
		MaxArrayElements: MaxList,
		MaxMapPairs:      maxFields,
	}.DecMode())
)

// must panics on an error. The options are constants, so an error is a mistake in this file.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// decode reads the body of a frame. An error wraps ErrUnsupported if the kind is unknown, and
// ErrProtocol otherwise.
func decode(f frame) (Message, error) {
	e, ok := kinds[f.kind]
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrUnsupported, f.kind)
	}
	m := e.make()
	if err := decMode.Unmarshal(f.body, m); err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrProtocol, f.kind, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrProtocol, f.kind, err)
	}
	return m, nil
}
