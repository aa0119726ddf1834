package status

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write the list that TestKeys compares with")

// TestKeys compares every key of the contract and its type with a recorded list. Keys are
// added, never renamed.
func TestKeys(t *testing.T) {
	const path = "testdata/keys.txt"
	var got strings.Builder
	for _, v := range []any{Device{}, DonorDaemon{}, DonorResize{}} {
		keys(&got, reflect.TypeOf(v).Name(), reflect.TypeOf(v))
	}
	if *record {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the keys of the contract are\n%s\nthey were\n%s", got.String(), want)
	}
}

var marshaler = reflect.TypeFor[json.Marshaler]()

// keys writes a line for each key below path, as encoding/json reads the tags.
func keys(w *strings.Builder, path string, t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer:
		keys(w, path, t.Elem())
	case t.PkgPath() != reflect.TypeFor[Device]().PkgPath() && reflect.PointerTo(t).Implements(marshaler):
		fmt.Fprintf(w, "%s %s\n", path, t.Name())
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		keys(w, path+"[]", t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-":
			case f.Anonymous && name == "":
				keys(w, path, f.Type)
			case name == "":
				keys(w, path+"."+f.Name, f.Type)
			default:
				keys(w, path+"."+name, f.Type)
			}
		}
	default:
		fmt.Fprintf(w, "%s %s\n", path, t.Kind())
	}
}
