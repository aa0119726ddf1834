// Package filestate tells, without reading a file, whether it has changed.
package filestate

import "os"

// State is what a file was like at one moment. Of a link it is the file to which that leads.
type State struct {
	path string
	info os.FileInfo // nil: it is not there
}

// Of looks at a file. Look before you read it: what is written in between then shows as a change.
func Of(path string) State {
	info, err := os.Stat(path)
	if err != nil {
		return State{path: path}
	}
	return State{path, info}
}

// Same reports whether the file has not changed: it is the same inode with the same size, mode and time
// of modification.
func (s State) Same(other State) bool {
	if s.path != other.path || s.info == nil || other.info == nil {
		return s.path == other.path && (s.info == nil) == (other.info == nil)
	}
	return os.SameFile(s.info, other.info) && s.info.Size() == other.info.Size() &&
		s.info.ModTime().Equal(other.info.ModTime()) && s.info.Mode() == other.info.Mode()
}
