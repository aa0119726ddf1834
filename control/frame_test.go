package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// samples is one valid message of each kind.
func samples() []Message {
	return []Message{
		&Hello{Device: NewUUID(), Name: "dev-1", SlabSize: 64 << 20},
		&Welcome{
			Session: 7, Name: "donor", Secret: Secret{1}, Held: []uint32{1, 2, 1 << 31}, HeldTotal: 9,
			Data: []Endpoint{{"tcp", ":9401"}, {"rdma", "[::1]:9402"}},
		},
		&Failure{Code: 8, Text: "all lent"},
		&Ping{},
		&Pong{},
		&QueryMem{},
		&FreeMem{Free: 1, Total: 1 << 40, Used: 4, Mapped: 3},
		&FreeMem{Free: 1, Total: 2, Used: 1, Mapped: 1, Spare: 5, Machine: 6},
		&Map{Slab: 5, Bytes: MinSlab, Claim: true, Transport: "rdma"},
		&MRInfo{Slab: 5, Key: 1<<64 - 1, Bytes: MaxSlab},
		&Unmap{Slab: 5},
		&Done{Slab: 5},
		&CheckActivity{Slabs: []uint32{0, 9}},
		&Activity{PerSecond: []float64{0.25, 1e9}},
		&QueryHeld{From: MaxList},
		&Held{Slabs: []uint32{4}},
		&Evict{Slabs: []uint32{0, 4095}, Urgent: true},
		&Evicting{},
	}
}

func TestFrameRoundTrip(t *testing.T) {
	seen := map[kind]bool{}
	for i, m := range samples() {
		b, err := appendFrame(nil, uint32(i), i%2 == 0, m)
		if err != nil {
			t.Fatal(err)
		}
		f, err := readFrame(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if f.id != uint32(i) || f.reply != (i%2 == 0) || f.kind != m.kind() {
			t.Errorf("%v: header came back as %+v", m.kind(), f)
		}
		got, err := decode(f)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("%v: sent %+v, got %+v", m.kind(), m, got)
		}
		seen[m.kind()] = true
	}
	for k := range kinds {
		if !seen[k] {
			t.Errorf("no sample of %v", k)
		}
	}
}

func TestLargestListsFit(t *testing.T) {
	slabs := make([]uint32, MaxList)
	activity := make([]float64, MaxList)
	for i := range slabs {
		slabs[i], activity[i] = 1<<32-1, 1.0/3
	}
	for _, m := range []Message{&Held{slabs}, &Evict{Slabs: slabs}, &CheckActivity{slabs}, &Activity{activity}, &Welcome{
		Session: 1, Name: "donor", Secret: Secret{1}, Held: slabs, HeldTotal: MaxList,
		Data: []Endpoint{{"tcp", ":1"}},
	}} {
		if _, err := appendFrame(nil, 1, true, m); err != nil {
			t.Error(err)
		}
	}
	if _, err := appendFrame(nil, 1, true, &Held{make([]uint32, MaxList+1)}); !errors.Is(err, ErrInvalid) {
		t.Errorf("list too long: %v", err)
	}
}

func TestReadFrameRefuses(t *testing.T) {
	header := func(n uint32, flags uint16) []byte {
		b := binary.LittleEndian.AppendUint32(nil, n)
		b = binary.LittleEndian.AppendUint16(b, uint16(kindPing))
		b = binary.LittleEndian.AppendUint16(b, flags)
		return binary.LittleEndian.AppendUint32(b, 1)
	}
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"half a header", header(0, 0)[:5], io.ErrUnexpectedEOF},
		{"no body", header(9, 0), io.ErrUnexpectedEOF},
		{"half a body", append(header(9, 0), 1, 2), io.ErrUnexpectedEOF},
		{"oversized", header(maxFrame-headerSize+1, 0), ErrTooBig},
		{"huge", header(1<<32-1, 0), ErrProtocol},
		{"flags", header(0, 0x8000), ErrProtocol},
	} {
		if _, err := readFrame(bytes.NewReader(c.in)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	enc := func(v any) []byte {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	uuid := make([]byte, 16)
	uuid[0] = 1
	deep := any(1)
	for range maxNesting + 1 {
		deep = []any{deep}
	}
	wide := map[int]int{}
	for i := range maxFields + 1 {
		wide[i] = i
	}
	for _, c := range []struct {
		name string
		k    kind
		body []byte
		want error
	}{
		{"unknown kind", 999, nil, ErrUnsupported},
		{"empty", kindPing, nil, ErrProtocol},
		{"not a map", kindPing, enc(5), ErrProtocol},
		{"trailing byte", kindPing, append(enc(map[int]int{}), 0), ErrProtocol},
		{"garbage", kindPing, []byte{0xff, 0xfe}, ErrProtocol},
		{"indefinite length", kindPing, []byte{0xbf, 0xff}, ErrProtocol},
		{"duplicate key", kindUnmap, []byte{0xa2, 1, 1, 1, 2}, ErrProtocol},
		{"tag", kindUnmap, []byte{0xa1, 1, 0xc1, 1}, ErrProtocol},
		{"wrong type", kindUnmap, enc(map[int]string{1: "x"}), ErrProtocol},
		{"overflow", kindUnmap, enc(map[int]uint64{1: 1 << 32}), ErrProtocol},
		{"negative", kindUnmap, enc(map[int]int{1: -1}), ErrProtocol},
		{"nested too deep", kindPing, enc(map[int]any{99: deep}), ErrProtocol},
		{"too many fields", kindPing, enc(wide), ErrProtocol},
		{"list too long", kindHeld, enc(map[int]any{1: make([]uint32, MaxList+1)}), ErrProtocol},
		{"claimed length", kindHeld, []byte{0xa1, 1, 0x9a, 0x7f, 0xff, 0xff, 0xff}, ErrProtocol},
		{"short UUID", kindHello, enc(map[int]any{1: uuid[:15], 2: "d", 3: MinSlab}), ErrProtocol},
		{"zero UUID", kindHello, enc(map[int]any{1: make([]byte, 16), 2: "d", 3: MinSlab}), ErrInvalid},
		{"no name", kindHello, enc(map[int]any{1: uuid, 3: MinSlab}), ErrInvalid},
		{"name with a newline", kindHello, enc(map[int]any{1: uuid, 2: "a\nb", 3: MinSlab}), ErrInvalid},
		{"slab size", kindHello, enc(map[int]any{1: uuid, 2: "d", 3: MinSlab + 1}), ErrInvalid},
		{"map of nothing", kindMap, enc(map[int]any{}), ErrInvalid},
		{"map over two lines", kindMap, enc(map[int]any{2: MinSlab, 4: "rd\nma"}), ErrInvalid},
		{"map over a novel", kindMap, enc(map[int]any{2: MinSlab, 4: string(make([]byte, maxNameLen+1))}), ErrInvalid},
		{"map over a number", kindMap, enc(map[int]any{2: MinSlab, 4: 1}), ErrProtocol},
		{"null", kindMap, []byte{0xf6}, ErrInvalid},
		{"grant without a key", kindMRInfo, enc(map[int]any{3: MinSlab}), ErrInvalid},
		{"failure without a code", kindFailure, enc(map[int]any{2: "x"}), ErrInvalid},
		{"failure with a novel", kindFailure, enc(map[int]any{1: 1, 2: string(make([]byte, maxText+1))}), ErrInvalid},
		{"free above total", kindFreeMem, enc(map[int]any{1: 2, 2: 1}), ErrInvalid},
		{"spare above machine", kindFreeMem, enc(map[int]any{1: 1, 2: 1, 5: 2, 6: 1}), ErrInvalid},
		{"activity NaN", kindActivity, []byte{0xa1, 1, 0x81, 0xf9, 0x7e, 0}, ErrInvalid},
		{"activity below 0", kindActivity, enc(map[int]any{1: []float64{-1}}), ErrInvalid},
	} {
		if _, err := decode(frame{kind: c.k, body: c.body}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	body, err := cbor.Marshal(map[int]any{1: 5, 77: []any{"new", map[string]int{"x": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode(frame{kind: kindUnmap, body: body})
	if err != nil {
		t.Fatal(err)
	}
	if m.(*Unmap).Slab != 5 {
		t.Errorf("got %+v", m)
	}
}

func TestPreamble(t *testing.T) {
	v, err := readPreamble(bytes.NewReader(preamble()))
	if v != Version || err != nil {
		t.Errorf("own preamble: %d, %v", v, err)
	}
	for _, in := range []string{"GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01", "\x15\x03\x01\x00\x02\x02\x46"} {
		if _, err := readPreamble(bytes.NewReader([]byte(in))); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	for i, m := range samples() {
		b, err := appendFrame(nil, uint32(i), false, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(fr.body) > maxFrame-headerSize || len(fr.body) > len(b)-headerSize {
			t.Fatalf("body of %d bytes from %d", len(fr.body), len(b))
		}
	})
}

// FuzzDecode feeds the decoders of all messages. A decoded message must survive encoding and
// decoding.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		body, err := encMode.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(m.kind()), body)
	}
	for _, transport := range []string{"", "tcp", "-", "r\n", string(make([]byte, maxNameLen+1))} {
		body, err := encMode.Marshal(&Map{Bytes: MinSlab, Transport: transport})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(kindMap), body)
	}
	f.Fuzz(func(t *testing.T, k uint16, body []byte) {
		m, err := decode(frame{kind: kind(k), body: body})
		if err != nil {
			if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("neither sentinel: %v", err)
			}
			return
		}
		b, err := appendFrame(nil, 1, false, m)
		if err != nil {
			t.Fatalf("accepted what it cannot send: %v", err)
		}
		fr, err := readFrame(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(fr)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := appendFrame(nil, 1, false, again); err != nil || !bytes.Equal(b, twice) {
			t.Fatalf("%+v became %+v (%v)", m, again, err)
		}
	})
}

func FuzzPreamble(f *testing.F) {
	f.Add(preamble())
	f.Add([]byte("\x16\x03\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := readPreamble(bytes.NewReader(b)); err == nil && !bytes.HasPrefix(b, []byte(magic)) {
			t.Fatalf("version %d of %q", v, b)
		}
	})
}

func FuzzParseUUID(f *testing.F) {
	f.Add(NewUUID().String())
	f.Add("01234567-89ab-cdef-0123-456789abcdeg")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseUUID(s)
		if err != nil {
			return
		}
		if again, err := ParseUUID(u.String()); err != nil || again != u {
			t.Fatalf("%q: %v, %v", s, again, err)
		}
	})
}
