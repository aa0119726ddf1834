// Package inuse says what keeps a block device from being taken away: swap on
// it, a mounted file system, or another block device stacked on top.
//
// It looks at this process's mounts and those of process 1. A mount in a
// container's namespace alone is not seen; neither is a program that has the
// device open for plain reading and writing. What it says is true at that
// moment only: whoever removes a device on its word accepts that somebody may
// begin to use it meanwhile.
package inuse
