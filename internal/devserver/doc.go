// Package devserver is the life of a block device in the process that serves it: its state
// folder, its socket, its stop and its end. Every target has this life, whatever it does with
// the requests.
//
// Dangers first:
//
//   - The device takes I/O once [Server.Start] has returned, and the kernel may then wait for
//     this process when it needs memory.
//   - [Server.Stop] refuses while the device is swap, mounted, or held by another device. A
//     process that ends without a stop leaves the device dead in the kernel.
//   - A device whose queues fail stays in the kernel, and its I/O waits: what is on it is not
//     lost before somebody says so.
//   - A device that the kernel does not delete keeps its state folder, so that
//     it is found.
//
// The order of calls is Open, Start, Answer, Live; Abandon after an error of any of them. A server that takes
// over the device of a dead one calls TakeOver and Resume instead of Start.
// What a target opens of its own comes between Open and Start: a kernel without the driver is
// found out first, and what others see is made last.
package devserver
