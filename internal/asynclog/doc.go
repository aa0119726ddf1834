// Package asynclog lets a server log without waiting for whoever reads the log.
//
// A log that is written at once stops its writer when nobody reads it: a pipe is full, a
// terminal is held, or journald waits for a page that is swapped out to this very device.
// A [Writer] takes lines into memory, and one goroutine writes them.
//
// Dangers first:
//
//   - Lines are dropped when the memory is full. A line that says how many follows once the
//     reader goes on.
//   - What is in memory is lost when the process is killed, crashes or executes another
//     program. [Writer.Close] and [Writer.Flush] write it, for as long as they may take.
//     Go's runtime itself writes the message of a crash, directly to standard error. It
//     would wait there for the reader; [Aside] sees to that.
package asynclog
