// Package memory reads how much memory a process can still get, and whether tasks
// wait for it: of the machine, and of the control groups that the process runs in
// when they have a limit. The tighter one counts. It also says what a process has locked,
// and hides a process's memory from others.
//
// Dangers:
//
//   - Available is the kernel's estimate. It counts page cache and reclaimable slab
//     as free, though giving them up costs their users reads.
//   - Control groups of version 1 are not looked at: a limit there is not seen.
//   - Without PSI (CONFIG_PSI, psi=1) Stall is always 0.
package memory
