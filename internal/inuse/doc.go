// Package inuse finds out whether a block device is in use: by swap, by a mounted
// file system, or by another block device on top of it.
//
// # Dangers
//
//   - The answer is true at that moment only. Somebody may begin to use the device
//     before the caller removes it.
//   - The package looks at the mounts of this process and of process 1. It does not
//     see a mount that only a container's namespace has.
//   - Find does not see a program that has the device open for plain reading and
//     writing. Openers does.
package inuse
