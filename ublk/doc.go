// Package ublk serves block devices from user space through the kernel's ublk driver.
// It is for anybody who wants a block device made of Go: a RAM disk takes 40 lines, see
// the example of Target. It needs Linux 6.5 with the module ublk_drv, and root.
//
// # Dangers
//
//   - A server that needs memory in order to free memory deadlocks the machine when
//     the kernel frees memory by writing to its device: as swap does, and dirty pages
//     of a file system on it. This package allocates nothing once a device is started.
//     The target of such a device must not allocate either, and its process must be
//     locked in memory (mlockall) and marked as an I/O flusher (prctl
//     PR_SET_IO_FLUSHER).
//   - A process that maps its own device into memory (mmap) can deadlock: a page fault
//     holds a processor of the Go runtime, which the queue's thread may need. Reads and
//     writes by system calls give the processor up.
//   - All commands of a queue come from the one OS thread that fetched them. Call the
//     methods of a Queue on that thread only, that is from Serve and from handlers of
//     the queue's loop.
//   - Stop waits in the kernel for the requests in flight, and the queue threads go on
//     serving them. A call from a queue's thread, or the end of the process during the
//     call, leaves a worker of the kernel stuck.
//   - When a server dies, the kernel does with the device's I/O what Spec.Recovery
//     says. With any choice but RecoverNone the device stays, without a server, and
//     whoever uses it may wait for ever. Recover gives it another server, and
//     Control.Delete removes it.
//   - A queue fails when its ring does, and when the driver refuses a command for good. All
//     queues of the device then end, and Done is closed. Delete would fail the I/O of
//     whoever uses the device, such as swap; Leave has the driver treat it as one whose
//     server has died.
//   - The buffer of a tag belongs to the kernel from Complete until the next Serve of
//     that tag. A target that still needs its content calls Queue.Detach first.
//   - Spec.KeepProcs changes GOMAXPROCS of the whole process: see package uring.
//
// # Parts
//
// The kernel sends each request of /dev/ublkbN to the process that holds /dev/ublkcN.
// A Spec says what is wanted of a device. A Device adds, starts, stops and deletes
// one. A Target serves its requests, inline on the thread of the queue that they came
// through. Package ublk/targets has ready targets; package ublk/ublktest tests targets,
// without a kernel too.
//
// # Life cycle
//
//	control, err := ublk.OpenControl()
//	device, err := ublk.Add(control, spec)   // /dev/ublkcN
//	err = device.Start(target)               // /dev/ublkbN takes I/O
//	err = device.Stop()                      // no block device any more
//	err = device.Delete()                    // N is free again
//
// Only the handle that added or recovered a device deletes it. Start after Stop is refused,
// because old kernels hang on it.
//
// A device whose server has died goes on with another one:
//
//	device, err := ublk.Recover(control, spec) // the spec that it was added with
//	err = device.Start(target)                 // what waited is served
//
// # Kernels
//
// Probe says whether this machine can serve devices of a certain kind. What a kernel
// lacks is an UnsupportedError, which names the feature and the version of Linux that
// brought it.
//
// Numbers and layouts are those of linux/ublk_cmd.h.
package ublk
