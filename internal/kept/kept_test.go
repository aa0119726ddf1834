package kept

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
)

// placeVar is the variable that makes this program a server that changes the state in the place of
// that path until it is killed.
const placeVar = "KEPT_TEST_PLACE"

func TestMain(m *testing.M) {
	if root := os.Getenv(placeVar); root != "" {
		fmt.Fprintln(os.Stderr, changeForEver(root))
		os.Exit(1)
	}
	flag.Parse()
	os.Exit(m.Run())
}

const testMap = 5 * 4096

var testRecord = Record{
	UUID: [16]byte{1, 2}, Generation: 1, Secret: []byte("secret"), Life: 7,
	Size: 1 << 30, SlabSize: 1 << 26, Queues: 2, Depth: 64, MaxIO: 1 << 17, Options: json.RawMessage(`{"a":1}`),
}

// openPlace mounts a place for the test.
func openPlace(t *testing.T) (p *Place, root string) {
	t.Helper()
	root = t.TempDir()
	p, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if names, err := os.ReadDir(root); err != nil || len(names) > 0 {
			t.Errorf("the place is still there: %v, %v", names, err)
		}
	})
	return p, root
}

func newDevice(t *testing.T, p *Place, id int) *Device {
	t.Helper()
	d, err := p.New(testRecord, testMap, "map")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Number(id); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPlaceIsNeverSwapped: what is there is in memory that the kernel does not swap, and root's alone.
func TestPlaceIsNeverSwapped(t *testing.T) {
	p, root := openPlace(t)
	info, err := os.Stat(p.Path())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	_, options, err := mountOf(p.folder)
	var fs unix.Statfs_t
	if err := errors.Join(err, unix.Fstatfs(p.folder.FD(), &fs)); err != nil {
		t.Fatal(err)
	}
	if fs.Type != unix.RAMFS_MAGIC && !slices.Contains(strings.Split(options, ","), "noswap") {
		t.Errorf("file system %#x with %s", fs.Type, options)
	}
	again, err := Open(root) // finds it
	if err != nil {
		t.Fatal(err)
	}
	if again.made || !p.made || p.Private() {
		t.Errorf("mounted again: %v", again.made)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestPlaceOfAStranger: a folder that somebody else has put there is refused, and stays.
func TestPlaceOfAStranger(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, FolderName)
	for name, plant := range map[string]func() error{
		"link":    func() error { return os.Symlink(t.TempDir(), path) },
		"file":    func() error { return os.WriteFile(path, nil, 0o600) },
		"open":    func() error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777)) },
		"another": func() error { return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 12345, 12345)) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(root); !errors.Is(err, ErrPlace) || !errors.Is(err, owned.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Errorf("%s: it has gone: %v", name, err)
		}
	}
}

// TestDeviceIsFoundAgain: what one server keeps the next one finds, and nothing is left at the end.
func TestDeviceIsFoundAgain(t *testing.T) {
	p, _ := openPlace(t)
	d := newDevice(t, p, 3)
	d.Map()[testMap-1] = 9
	for _, a := range []string{"mem1:9400", "[::1]:9400"} {
		if err := d.AddDonor(a); err != nil {
			t.Fatal(err)
		}
	}
	next, err := p.Load(3, "map")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddDonor("late:9400"); err != nil { // after the standby has looked
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(next.Refresh(), next.Next()); err != nil {
		t.Fatal(err)
	}
	want := testRecord
	want.Generation = 2
	if a, b := encode(t, next.Record()), encode(t, want); !bytes.Equal(a, b) {
		t.Errorf("record %s, want %s", a, b)
	}
	if got := next.Donors(); !slices.Equal(got, []string{"mem1:9400", "[::1]:9400", "late:9400"}) {
		t.Errorf("donors %q", got)
	}
	if len(next.Map()) != testMap || next.Map()[testMap-1] != 9 || next.Map()[0] != 0 {
		t.Error("the map is another one")
	}
	if !p.Has(3) || p.Has(4) {
		t.Error("Has is wrong")
	}
	if err := next.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Load(3, ""); !errors.Is(err, ErrNone) {
		t.Errorf("after the end: %v", err)
	}
	if names, err := p.folder.Names(); err != nil || len(names) > 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}

func encode(t *testing.T, r Record) []byte {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestLeftovers: state of a device that is gone makes way for that of the next one of its number, and so
// does what a server left that died before its device had one.
func TestLeftovers(t *testing.T) {
	p, _ := openPlace(t)
	if err := newDevice(t, p, 1).Close(); err != nil {
		t.Fatal(err)
	}
	diesEarly(t, p)
	d := newDevice(t, p, 1)
	if names, err := p.folder.Names(); err != nil || !slices.Equal(names, []string{"1"}) {
		t.Errorf("left: %v, %v", names, err)
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
}

// diesEarly leaves what a server leaves that was killed before its device had a number.
func diesEarly(t *testing.T, p *Place) {
	t.Helper()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	folder, err := p.folder.Make(fmt.Sprintf("new-%d-00000000", dead.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(testRecord.save(folder), folder.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRemoveTakesTheNamelessToo: whoever removes a device whose server was killed before it had a number leaves
// neither its key nor its map.
func TestRemoveTakesTheNamelessToo(t *testing.T) {
	p, _ := openPlace(t)
	diesEarly(t, p)
	if err := p.Remove(7); err != nil {
		t.Fatal(err)
	}
	if names, err := p.folder.Names(); err != nil || len(names) != 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}

// TestSchema: a record of the release before and one of the release after are read, others are not.
func TestSchema(t *testing.T) {
	record := func(s, reads int) []byte {
		data, err := json.Marshal(stored{s, reads, testRecord})
		if err != nil {
			t.Fatal(err)
		}
		return append(data[:len(data)-1], `,"what_comes_later":{"a":[1]}}`...)
	}
	for _, tt := range []struct {
		schema, reads int
		ok            bool
	}{
		{schema, oldestReads, true}, {schema + 1, schema, true}, {schema + 1, schema + 1, false}, {oldestRead - 1, 0, false},
	} {
		r, err := parse(record(tt.schema, tt.reads))
		if tt.ok && (err != nil || r.UUID != testRecord.UUID) || !tt.ok && !errors.Is(err, ErrSchema) {
			t.Errorf("schema %d, read from %d on: %v, %v", tt.schema, tt.reads, r, err)
		}
	}
	for _, text := range []string{"", "{}", "[]", `{"schema":1}`, `{"schema":1,"generation":-1}`} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q is a record", text)
		}
	}
}

func FuzzRecord(f *testing.F) {
	data, err := json.Marshal(stored{schema, oldestReads, testRecord})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := parse(data); err == nil && (r.Generation < 1 || r.Size < 1 || r.Queues < 1) {
			t.Errorf("%+v", r)
		}
	})
}

// changeForEver changes the state of device 0 of a place until this process is killed.
func changeForEver(root string) error {
	p, err := Open(root)
	if err != nil {
		return err
	}
	d, err := p.Load(0, "")
	if err != nil {
		return err
	}
	for i := len(d.Donors()); ; i++ {
		if err := errors.Join(d.AddDonor(donorNumber(i)), d.Next()); err != nil {
			return err
		}
	}
}

// generation is the generation of device 0, at any moment.
func generation(t *testing.T, p *Place) int {
	t.Helper()
	d, err := p.Load(0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return d.Record().Generation
}

func donorNumber(i int) string { return strings.Repeat("x", i%7) + fmt.Sprintf("donor-%d:9400", i) }

// TestKilledAtAnyMoment: servers are killed while they change the state; the next one finds it whole.
func TestKilledAtAnyMoment(t *testing.T) {
	p, root := openPlace(t)
	if err := newDevice(t, p, 0).Close(); err != nil {
		t.Fatal(err)
	}
	for kill := range 20 {
		before := generation(t, p)
		cmd := exec.Command(os.Args[0])
		cmd.Env, cmd.Stderr = append(os.Environ(), placeVar+"="+root), os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); generation(t, p) == before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing is changed")
			}
		}
		time.Sleep(time.Duration(kill) * 100 * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		d, err := p.Load(0, "")
		if err != nil {
			t.Fatalf("after kill %d: %v", kill, err)
		}
		for i, a := range d.Donors() {
			if a != donorNumber(i) {
				t.Fatalf("after kill %d: donor %d is %q", kill, i, a)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Remove(0); err != nil {
		t.Error(err)
	}
}
