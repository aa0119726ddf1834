// Package journal tells an operator what happens to a swap device. Each entry becomes a
// line of the log and an event of status, in the same words.
//
// # Dangers
//
//   - An entry allocates, locks, and writes to the log, which may wait unless it is that of
//     package asynclog. A queue's thread must not tell anything itself. It leaves a note,
//     which another goroutine tells: see package path.
package journal
