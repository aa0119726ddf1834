// Package ublktest tests targets of package ublk, in one process without a kernel and
// on the kernel's driver.
//
// # Dangers
//
//   - TestOnKernel makes a real block device, writes to all of it, and removes it. It
//     needs root and skips without. Run it on a virtual machine: a target that hangs
//     leaves a worker of the kernel stuck.
//   - A Device overwrites the buffer of each request when the request is completed. A
//     target that goes on using it without Queue.Detach fails, as it should.
//
// # Use
//
// The tests that every target passes:
//
//	func TestDisk(t *testing.T) {
//		ublktest.TestTarget(t, ublktest.Config{Open: openDisk})
//	}
//
// For tests of its own, a target is put on a Device, whose queues have the threads,
// loops and buffers of real ones. Queue.Do carries out one request and waits for its
// end, from any goroutine.
package ublktest
