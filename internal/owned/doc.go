// Package owned opens, makes and removes files and folders that must be this program's own.
// The programs run as root and write where others may write, too: who plants a link there
// must not choose what root overwrites or removes.
//
// Dangers first:
//
//   - A check and a later use of the same path are two things. So a [Folder] is an open
//     descriptor, and everything in it is reached by name from there.
//   - What is refused here is left as it is. The errors wrap [ErrForeign] and say what to do.
//   - A root of folders (see [Root]) is reached through its parents. Whoever may write to one
//     of these can put another folder in its place, so each of them is checked as well.
//
// All functions may be called from any goroutine.
package owned
