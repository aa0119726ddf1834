package control

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of a body beyond its length. A newer peer's unknown fields have to fit
// them too.
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

// The options are constants: an error is a mistake in this file.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// decode reads a frame's body. Errors wrap ErrUnsupported for a kind that is
// unknown, else ErrProtocol.
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
