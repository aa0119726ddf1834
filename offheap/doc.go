// Package offheap hands out memory that the Go runtime does not know. It is for
// anybody who shares memory with the kernel or with other machines.
//
// # Dangers
//
//   - A slice that is used after Unmap is a segmentation fault.
//   - Memory that the kernel uses after Unmap (an operation in flight, a registered
//     buffer) corrupts whatever is mapped at that address next. End all I/O first.
//   - The garbage collector does not look into this memory: a Go pointer stored in
//     it keeps nothing alive. Store none.
//   - Nothing frees the memory when the last slice of it is forgotten. Its owner
//     calls Unmap.
//   - Locked memory counts against RLIMIT_MEMLOCK, and the rest of the machine does
//     without it.
//   - A child process made by fork does not inherit the memory (MADV_DONTFORK).
//   - A core file does not have it (MADV_DONTDUMP).
//
// # Use
//
// Rings, I/O buffers and lent memory are read and written by others while Go code
// runs, so they must neither move nor be freed by the garbage collector. Map maps
// anonymous memory; it stays where it is until Unmap. New does the same for values
// of a type, such as the timespec of a timeout. Pointer gives the address for a
// system call.
//
// A Store is memory that another process can go on with: it lies in a file without a name, whose
// descriptor goes over a local socket. Transparent huge pages in it depend on a setting of the machine
// of its own, /sys/kernel/mm/transparent_hugepage/shmem_enabled, which is "never" by default. Without
// them a slab of 64 MiB takes 70 ms to map and lock instead of 8.
package offheap
