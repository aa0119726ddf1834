package status

import (
	"reflect"
	"testing"
)

// TestParts: every field is a part, by its JSON key and in order.
func TestParts(t *testing.T) {
	var l Locked
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(i + 1))
	}
	parts := l.Parts()
	if len(parts) != v.NumField() {
		t.Fatalf("%d parts of %d fields", len(parts), v.NumField())
	}
	for i, p := range parts {
		if key := v.Type().Field(i).Tag.Get("json"); p.Purpose != key || p.Bytes != int64(i+1) {
			t.Errorf("part %d is %+v, want %s: %d", i, p, key, i+1)
		}
	}
}
