// Package advice tells a person what to do about an error. Libraries say what went wrong in
// terms of their own. The flags and commands that help are known in the command line alone.
//
// What is known about the errors of one library is a list in a file with the library's
// name. Both programs link this package, so a library that only farswap links has no file
// here.
package advice

// advice is what a person can do about an error.
type advice struct {
	about error  // found by errors.Is
	say   string // follows the error's text

	of func(error) string // instead of the two: returns what to say, empty if it has nothing to say
}
