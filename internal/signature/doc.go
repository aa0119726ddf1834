// Package signature tells what a disk or a file seems to hold, by the marks that file systems,
// swap areas, volume managers and partition tables leave at fixed places. It is for programs
// that are about to overwrite all of it.
//
// Dangers first:
//
//   - No signature does not mean that there is nothing of value: a database may use a disk
//     without any.
//   - A signature does not mean that there is something of value: what overwrote a file system
//     may have left its mark.
package signature
