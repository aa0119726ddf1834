package status

import (
	"errors"
	"fmt"
)

// Schema is the number of the contract that this package writes and reads. [Device] and
// [DonorDaemon] carry it in their JSON.
//
// A new field does not change the number: readers skip fields that they do not know. The
// number grows when a reader of the old contract would misread the new one, because a field
// has another meaning, another unit or another type. A reader refuses a number that is larger
// than its own. An answer without a number, 0 here, is of a release that had none yet, and
// has the fields of schema 1.
const Schema = 1

// ErrNewer means that the server answers with a schema that this program is too old to read.
var ErrNewer = errors.New("the server is newer than this program")

// checkSchema refuses what this package cannot read.
func checkSchema(path string, schema int) error {
	if schema > Schema {
		return fmt.Errorf("%w: %s answers with schema %d, this program reads schemas up to %d: upgrade this program",
			ErrNewer, path, schema, Schema)
	}
	return nil
}
