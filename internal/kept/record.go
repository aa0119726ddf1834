package kept

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
)

// ErrSchema means that state was written by a program of another release, which this one cannot read.
var ErrSchema = errors.New("state of another release")

// Schema of what this release writes, and the oldest that it reads: that of the release before. A
// release that changes the meaning of a field raises both; one that adds a field raises schema alone.
const (
	schema      = 1
	oldestRead  = 1
	oldestReads = 1 // the oldest schema whose programs can read what is written here
)

// mostRecord bounds the record, in bytes.
const mostRecord = 1 << 20

// Record is who a device is. It does not change with its servers, but for Generation.
type Record struct {
	UUID       [16]byte `json:"uuid"`       // by which donors know it
	Generation int      `json:"generation"` // counts its servers, from 1
	Secret     []byte   `json:"secret"`     // seals its pages; empty: they are not sealed
	Life       uint16   `json:"life"`       // part of all nonces

	Size        int64 `json:"size"`      // bytes
	SlabSize    int64 `json:"slab_size"` // bytes
	Queues      int   `json:"queues"`
	Depth       int   `json:"depth"`
	MaxIO       int   `json:"max_io"`       // bytes
	BackingMade bool  `json:"backing_made"` // the first server made the backing file

	// Options is what the command line makes of the options of the first server.
	Options json.RawMessage `json:"options"`
}

// stored is a record with the releases that can read it.
type stored struct {
	Schema int `json:"schema"`
	Reads  int `json:"reads"` // the oldest schema whose programs can read this
	Record
}

const (
	recordName = "record"
	newRecord  = "record.new"
)

// save makes a record the one of a folder.
func (r Record) save(folder *owned.Folder) error {
	data, err := json.Marshal(stored{schema, oldestReads, r})
	if err != nil {
		return err
	}
	if err := folder.Remove(newRecord); err != nil {
		return err
	}
	f, err := folder.OpenFile(newRecord, unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return folder.Replace(newRecord, recordName)
}

// load reads the record of a folder.
func load(folder *owned.Folder) (Record, error) {
	f, err := folder.OpenFile(recordName, 0)
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	data, err := owned.ReadAll(f, mostRecord)
	if err != nil {
		return Record{}, err
	}
	r, err := parse(data)
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return r, nil
}

// parse decodes a record. It passes over fields that it does not know: a later release may have added them.
func parse(data []byte) (Record, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return Record{}, fmt.Errorf("not a record: %w", err)
	}
	if s.Schema < oldestRead || s.Reads > schema {
		return Record{}, fmt.Errorf("%w: schema %d, readable by programs from schema %d on; this program reads %d to %d: use the release that wrote it",
			ErrSchema, s.Schema, s.Reads, oldestRead, schema)
	}
	if s.Generation < 1 || s.Size <= 0 || s.SlabSize <= 0 || s.Queues < 1 || s.Depth < 1 || s.MaxIO < 1 {
		return Record{}, errors.New("not a record: a number in it is out of range")
	}
	return s.Record, nil
}
