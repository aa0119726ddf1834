package status

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var record = flag.Bool("record", false, "write the files that TestKeys and TestDocuments compare with")

// TestKeys compares every key of the contract and its type with a recorded list. Keys are
// added, never renamed.
func TestKeys(t *testing.T) {
	var got strings.Builder
	for _, v := range []any{Device{}, DonorDaemon{}, DonorResize{}} {
		keys(&got, reflect.TypeOf(v).Name(), reflect.TypeOf(v))
	}
	compare(t, "keys.txt", got.String())
}

// TestDocuments compares the bytes of a device and of a donor with recorded ones: filled
// documents show the shape of every key, empty ones that lists are never null and which keys
// can be absent.
func TestDocuments(t *testing.T) {
	var d Device
	var donor DonorDaemon
	fill(reflect.ValueOf(&d).Elem(), "Device")
	fill(reflect.ValueOf(&donor).Elem(), "DonorDaemon")
	for name, v := range map[string]any{"device.json": d, "device-empty.json": Device{}, "donor.json": donor, "donor-empty.json": DonorDaemon{}} {
		text, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		compare(t, name, string(text)+"\n")
	}

	// Nothing is lost on the way through JSON, and no key is outside of the recorded list.
	found := map[string]bool{}
	for _, v := range []any{&d, &donor} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := json.Unmarshal(text, back); err != nil || !reflect.DeepEqual(back, v) {
			t.Errorf("read back %+v, %v\nwrote %+v", back, err, v)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var tree any
		if err := decoder.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		paths(found, reflect.TypeOf(v).Elem().Name(), tree)
	}
	var listed strings.Builder
	keys(&listed, "Device", reflect.TypeFor[Device]())
	keys(&listed, "DonorDaemon", reflect.TypeFor[DonorDaemon]())
	want := map[string]bool{}
	for line := range strings.Lines(listed.String()) {
		path, _, _ := strings.Cut(line, " ")
		want[path] = true
	}
	if !maps.Equal(found, want) {
		t.Errorf("keys of the documents and of the list differ:\n%s", difference(slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want))))
	}
}

// TestNoInternalTypes: a program outside of this module can name every type of the contract.
func TestNoInternalTypes(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var visit func(string, reflect.Type)
	visit = func(path string, of reflect.Type) {
		if strings.Contains(of.PkgPath(), "internal") {
			t.Errorf("%s is of the internal type %v", path, of)
		}
		if seen[of] {
			return
		}
		seen[of] = true
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			visit(path+"[]", of.Elem())
		case reflect.Struct:
			for f := range of.Fields() {
				visit(path+"."+f.Name, f.Type)
			}
		}
		for _, of := range []reflect.Type{of, reflect.PointerTo(of)} {
			for m := range of.Methods() {
				for i := 1; i < m.Type.NumIn(); i++ {
					visit(path+"."+m.Name, m.Type.In(i))
				}
				for i := range m.Type.NumOut() {
					visit(path+"."+m.Name, m.Type.Out(i))
				}
			}
		}
	}
	for _, v := range []any{Device{}, DonorDaemon{}, DonorResize{}} {
		visit(reflect.TypeOf(v).Name(), reflect.TypeOf(v))
	}
}

// compare compares a text with a file of testdata, or writes the file.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *record {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs: - was recorded, + is now (record with -record)\n%s", path,
			difference(strings.Split(got, "\n"), strings.Split(string(want), "\n")))
	}
}

// difference lists lines that only one side has, or says that their order differs.
func difference(got, want []string) string {
	var out []string
	for _, line := range want {
		if !slices.Contains(got, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			out = append(out, "+ "+line)
		}
	}
	if len(out) == 0 {
		return "the lines are the same in another order or number"
	}
	return strings.Join(out, "\n")
}

var marshaler = reflect.TypeFor[json.Marshaler]()

// distributionJSON is what Distribution writes.
type distributionJSON struct {
	Count   uint64      `json:"count"`
	Sum     uint64      `json:"sum_ns"`
	Buckets [][2]uint64 `json:"buckets"`
}

// keys writes a line for each key below path, as encoding/json reads the tags.
func keys(w *strings.Builder, path string, t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer:
		keys(w, path, t.Elem())
	case t == reflect.TypeFor[Distribution]():
		keys(w, path, reflect.TypeFor[distributionJSON]())
	case t.PkgPath() != reflect.TypeFor[Device]().PkgPath() && reflect.PointerTo(t).Implements(marshaler):
		fmt.Fprintf(w, "%s %s\n", path, t.Name())
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map:
		keys(w, path+"[]", t.Elem())
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
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

// paths adds the paths of all values in decoded JSON.
func paths(into map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			paths(into, path+"."+key, value)
		}
	case []any:
		for _, value := range v {
			paths(into, path+"[]", value)
		}
	default:
		into[path] = true
	}
}

// fill sets everything in v to something that is not zero and that depends on the path
// alone, so that a new field changes no other line of a document.
func fill(v reflect.Value, path string) {
	n := int64(len(path))
	for _, c := range path {
		n = (n*31 + int64(c)) % 100_000
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(1e9+n, 5e8).UTC()
		return
	case *Distribution:
		p.Record(n)
		p.Record(1000 * n)
		p.Record(1000 * n)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path)
	case reflect.String:
		v.SetString(path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(n) + 0.5)
	default:
		switch {
		case strings.HasSuffix(path, ".Schema"):
			v.SetInt(Schema)
		case v.CanInt():
			v.SetInt(n)
		default:
			v.SetUint(uint64(n))
		}
	}
}
