// Package pathmodel measures the way of a page without ublk in the kernel: the parts of
// farswap are real, and what the kernel does around them is modelled. Models of nbd are
// measured beside it, in turns.
//
// # Dangers
//
//   - A model has no block layer, and its system calls are not those of the kernel. The
//     figures judge changes of the software between an application and a donor. They do not
//     foretell a device.
//   - All threads of [Run] that move pages keep a processor of the Go runtime while they wait.
//     Run raises GOMAXPROCS of the process and turns the garbage collector off for as long as
//     it runs. Whatever stops the world of the process meanwhile (runtime.GC, GOMAXPROCS,
//     runtime.ReadMemStats) may wait until Run has returned. One Run at a time.
//   - Run starts processes, and binds them to CPUs. It ends them before it returns, and they end
//     when the thread ends that called it.
//
// # The models
//
// farswap: a thread of the application describes its request in memory that it shares with
// the device, and hands it over with a message from its own ring to that of the
// device's queue (MSG_RING), as the driver's task work does. The queue, swapdev and the
// donor are those of farswap. The driver's part is that of ublk.SimulatedQueue: it copies the
// page between the application's memory and the queue's buffer, on the queue's thread, as ublk
// does. The answer is a word in the shared memory and a wake-up of the thread that waits at it
// (futex), as an SQE of the queue's ring; before Linux 6.7 as a system call.
//
// nbd: a thread of the application sends the request with the kernel's header itself, under a
// lock as the kernel's client has one, over one TCP connection. A thread of the same process
// receives answers, header and page apart as the kernel does, right into the application's
// memory, and wakes the thread that waits by futex. In the kernel these are no system calls,
// so the model of nbd makes more than nbd; that of farswap makes more than ublk.
//
// The device is a thread of the application's process, or a process of its own. On a real machine it
// is a process, and nbd's thread, which is the kernel's, switches no address space: the truth about
// their ratio lies between the two, near the second where an address space is switched as
// dearly as on this machine.
//
// The servers of nbd are nbdkit with its memory plugin, and a minimal one. The minimal one is
// a process with one thread for each connection, which waits in recv, copies the page, and
// answers with one sendmsg. It is what one would write in C in an afternoon; it is written in
// Go, with raw system calls and without the runtime's poller.
//
// # Modes
//
// One has all threads on one CPU: it shows the cost of the software. Apart has the
// device, or nbd's receiving thread, on one CPU, and application and server on another: it
// shows the cost of wake-ups. Free binds nothing.
package pathmodel
