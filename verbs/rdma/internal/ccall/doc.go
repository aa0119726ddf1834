// Package ccall calls short C functions from a loop's thread without telling Go's
// scheduler.
//
// cgo tells it of every call, so that a call may last. On a thread whose goroutine
// never yields, as a loop's does, the scheduler's monitor then takes the thread's P
// away in whatever call it finds it, wakes a thread to do something with it, and
// looks again 20 µs later: a processor's tenth for nothing, and a wait for the P
// after the call. A call through a Stack keeps the P.
//
// # Dangers
//
//   - Until the function returns, nothing stops the world: no garbage collection
//     begins. It must be short, a bounded poll at most.
//   - It must not call Go, nor need more than StackSize bytes of stack. Below the
//     stack is a page that cannot be touched: too much is a crash, not corruption.
//   - Signals are no danger: Go takes them on stacks of their own, and does not
//     preempt where the program counter is not Go's.
//
// It exists for amd64. Elsewhere New says ErrUnavailable, and cgo does the same
// at its price.
package ccall
