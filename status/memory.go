package status

// Locked is the memory that a server has locked in RAM, in bytes, by what it is for. A page
// of a file that n processes have mapped counts as an n-th in each.
type Locked struct {
	Program   int64 `json:"program"`   // text and data of the program
	Libraries int64 `json:"libraries"` // shared libraries and other files
	Heap      int64 `json:"heap"`      // of Go: objects, stacks of goroutines, and what is free for more
	Stacks    int64 `json:"stacks"`    // of threads
	Buffers   int64 `json:"buffers"`   // for pages on their way
	Map       int64 `json:"map"`       // where each page is
	Rings     int64 `json:"rings"`     // shared with the kernel for I/O
	Probes    int64 `json:"probes"`    // shared with programs in the kernel; Probes.Memory is the kernel's own share
	Other     int64 `json:"other"`     // tables of Go's runtime, memory of C libraries
}

// LockedPart is one line of Locked.
type LockedPart struct {
	Purpose string // its JSON key
	Bytes   int64
}

// Parts lists all of Locked, in the order of its fields.
func (l Locked) Parts() []LockedPart {
	return []LockedPart{
		{"program", l.Program},
		{"libraries", l.Libraries},
		{"heap", l.Heap},
		{"stacks", l.Stacks},
		{"buffers", l.Buffers},
		{"map", l.Map},
		{"rings", l.Rings},
		{"probes", l.Probes},
		{"other", l.Other},
	}
}
