// Package targets holds ready-made targets of package ublk: RAM is a RAM disk, Loop
// serves a file, HDD is as slow as a hard disk, and Null does nothing, for measuring.
//
// # Dangers
//
//   - RAM takes memory with the first write to a page, and HDD takes all of its
//     memory at once and locks it. Nothing else bounds them.
//   - RAM must not hold swap: a write to it can need memory that only the write
//     would free.
//   - What RAM and HDD hold is lost with the process.
//   - Loop gives the file's errors to whoever uses the device. A file that shrinks
//     meanwhile gives EIO.
//
// # Use
//
// Each target has a Spec method, except Null, which takes any: it says what the
// target can be served as. Change what you like, such as the queues.
//
//	disk, err := targets.OpenRAM(1 << 30)
//	device, err := ublk.Add(control, disk.Spec())
//	err = device.Start(disk)
//	// … use device.Path() …
//	err = device.Delete()
//	err = disk.Close()
//
// All targets pass the tests of package ublktest.
package targets

// mostDiscard is the largest discard or write of zeros that the targets take, in
// bytes. The kernel splits longer ones.
const mostDiscard = 1 << 30
