// Package ublk serves block devices from user space through the kernel's ublk
// driver.
//
// The kernel forwards each request of /dev/ublkbN to the process that holds
// /dev/ublkcN. Device adds, starts, stops and deletes one such device; a Target
// serves its requests, inline on the thread of the queue that they came
// through. Null and Loop are targets that prove the driver alone, HDD one that is as slow as a
// hard disk.
//
// # Dangers
//
//   - A server that needs memory in order to free memory deadlocks the machine
//     when its device is swap. This package allocates nothing once a device is
//     started; a target must not either, and the process must be locked in
//     memory and marked as an I/O flusher.
//   - All commands of a queue come from the one OS thread that fetched them.
//     Queue methods may be called on that thread only, that is from Serve and
//     from handlers of the queue's loop.
//   - Stop waits in the kernel for the requests in flight, which the queue
//     threads go on serving. Calling it from a queue's thread, or killing the
//     process during it, leaves a kernel worker stuck: it runs on a goroutine of
//     the caller, with a deadline.
//   - A device is created with user recovery: when its server dies, its I/O
//     waits for another server instead of failing. A device without a server is
//     removed with Control.Delete.
//   - The buffer of a tag belongs to the kernel from Complete until the next
//     Serve of that tag.
//
// # Life cycle
//
//	control, err := ublk.OpenControl()
//	device, err := ublk.Add(control, spec)   // /dev/ublkcN
//	err = device.Start(target)               // /dev/ublkbN, live
//	err = device.Stop()                      // no block device any more
//	err = device.Delete()                    // N is free again
//
// Only the handle that added a device deletes it. Start after Stop is refused,
// because old kernels wedge on it.
//
// Numbers and layouts are those of linux/ublk_cmd.h.
package ublk
