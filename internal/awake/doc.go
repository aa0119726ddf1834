// Package awake keeps the machine from sleeping while that would hang it: while a device is swap
// whose server runs in user space.
//
// Dangers first:
//
//   - Before a machine sleeps, the kernel freezes all programs. A program that waits in the kernel for
//     a page in swap cannot be frozen, and a frozen server brings no page. So the freezer gives up after
//     20 s (/sys/power/pm_freeze_timeout), and the machine goes on. Hibernation writes its image with
//     the server frozen: pages that have to go to swap for it wait for ever.
//   - No program in user space can keep itself from being frozen: PF_NOFREEZE is for threads of the
//     kernel, and the kernel's threads of io_uring are frozen with the program whose they are.
//   - What is here asks systemd-logind. It does not stop who writes to /sys/power/state, nor who tells
//     systemctl to ignore such locks (-i).
package awake
