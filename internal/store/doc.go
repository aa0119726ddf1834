// Package store finds out where the content of a file or block device really is: behind loop
// devices, device mapper, RAID, partitions and file systems. Two names can be one store, and a
// disk can be in memory.
//
// Dangers first:
//
//   - The answer is true at that moment only, but for what [Claim] holds.
//   - A file system that spans disks without telling the kernel (ZFS, network file systems) ends
//     the search: what is below it is not seen.
//   - Nothing here sees a program that does not lock what it writes to (flock).
package store
