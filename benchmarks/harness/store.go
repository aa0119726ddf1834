package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/farswap/farswap/internal/owned"
)

// Schema is the version of the result file.
const Schema = 1

// Errors of the result file.
var (
	// ErrDamaged means that a file is not a complete result file of this version.
	ErrDamaged = errors.New("not a usable result file")
	// ErrOther means that a file is of another plan or another machine.
	ErrOther = errors.New("the result file is of something else")
)

// File is the result file.
type File struct {
	Schema      int         `json:"schema"`
	Started     time.Time   `json:"started"`
	Command     string      `json:"command"`
	Environment Environment `json:"environment"`
	Plan        Plan        `json:"plan"`
	Peaks       []Peak      `json:"peaks"`
	Rows        []Row       `json:"rows"`
	Costs       []Cost      `json:"costs"`
	Runs        []Run       `json:"runs"`
}

const maxFile = 256 << 20 // bytes of a result file

// Load reads a result file. Its error wraps ErrDamaged if the file is not one.
func Load(path string) (File, error) {
	data, err := owned.Read(path, maxFile)
	if err != nil {
		return File{}, err
	}
	file, err := parseFile(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w: %w: move it away to begin anew", path, ErrDamaged, err)
	}
	return file, nil
}

func parseFile(data []byte) (File, error) {
	var version struct {
		Schema *int `json:"schema"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return File{}, err
	}
	if version.Schema == nil || *version.Schema != Schema {
		return File{}, fmt.Errorf("its schema is not %d, the one that this farswap knows", Schema)
	}
	var file File
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return File{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return File{}, errors.New("something follows its end")
	}
	if err := file.Plan.Validate(); err != nil {
		return File{}, err
	}
	steps := file.Plan.Steps()
	for i, r := range file.Runs {
		if !slices.Contains(steps, r.Step) {
			return File{}, fmt.Errorf("its run %d, %v, is not in its plan", i+1, r.Step)
		}
		if slices.ContainsFunc(file.Runs[:i], func(o Run) bool { return o.Step == r.Step }) {
			return File{}, fmt.Errorf("its run %d, %v, is in it twice", i+1, r.Step)
		}
	}
	return file, nil
}

// Store keeps a result file. It is not safe for concurrent use.
type Store struct {
	File File
	path string
}

// OpenStore begins a result file at path, or goes on with an existing one. Plan and
// environment must then be the same as in the file; otherwise the error wraps ErrOther and
// lists the differences. OpenStore writes nothing yet.
func OpenStore(path string, file File) (*Store, error) {
	file.Schema, file.Peaks, file.Rows, file.Costs, file.Runs = Schema, []Peak{}, []Row{}, []Cost{}, []Run{}
	old, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Store{file, path}, nil
	}
	if err != nil {
		return nil, err
	}
	differs := append(old.Plan.differs(file.Plan), old.Environment.Differs(file.Environment)...)
	if len(differs) > 0 {
		return nil, fmt.Errorf("%s: %w: %s: give another file, or move this one away to begin anew", path, ErrOther, strings.Join(differs, "; "))
	}
	return &Store{old, path}, nil
}

// differs lists the fields in which two plans differ, by their names in JSON.
func (p Plan) differs(now Plan) []string {
	var differs []string
	there, here := reflect.ValueOf(p), reflect.ValueOf(now)
	for i := range there.NumField() {
		a, b := there.Field(i).Interface(), here.Field(i).Interface()
		if fmt.Sprint(a) != fmt.Sprint(b) {
			name, _, _ := strings.Cut(there.Type().Field(i).Tag.Get("json"), ",")
			differs = append(differs, fmt.Sprintf("%s %v there, %v here", strings.ReplaceAll(name, "_", " "), a, b))
		}
	}
	return differs
}

// Todo returns the steps of the plan that have no run yet.
func (s *Store) Todo() []Step {
	return slices.DeleteFunc(s.File.Plan.Steps(), func(step Step) bool {
		return slices.ContainsFunc(s.File.Runs, func(r Run) bool { return r.Step == step })
	})
}

// Peak returns the peak of a workload, if it is known.
func (s *Store) Peak(workload string) (Peak, bool) {
	i := slices.IndexFunc(s.File.Peaks, func(p Peak) bool { return p.Workload == workload })
	if i < 0 {
		return Peak{}, false
	}
	return s.File.Peaks[i], true
}

// AddPeak keeps a peak.
func (s *Store) AddPeak(p Peak) error {
	s.File.Peaks = append(s.File.Peaks, p)
	return s.save()
}

// Add keeps a run.
func (s *Store) Add(r Run) error {
	s.File.Runs = append(s.File.Runs, r)
	return s.save()
}

// save replaces the file. At any moment there is the complete old file or the complete new
// one.
func (s *Store) save() error {
	s.File.Rows, s.File.Costs = Rows(s.File), Costs(s.File)
	data, err := json.MarshalIndent(s.File, "", " ")
	if err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	return owned.Replace(s.path, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
