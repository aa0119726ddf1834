// Package swapoff takes swap off a device whose server lives: all its pages come back into memory,
// or go to other swap. It shows how far that is, and it can be canceled.
//
// Dangers first:
//
//   - A server must never call swapoff(2) on a thread of its own. That thread would wait for the
//     server's own device. Here a process of its own does it, the tool of util-linux.
//   - A process in swapoff(2) is the first that the OOM killer chooses, whatever its oom_score_adj:
//     the kernel marks it as the origin of the shortage (set_current_oom_origin in mm/swapfile.c,
//     oom_evaluate_task in mm/oom_kill.c). Swap is then on as before, and nothing is lost, unless
//     vm.panic_on_oom is set. [Run] cancels before, when the rest would not fit.
//   - A cancel may take long. The kernel first brings back all that one program has in swap, and
//     only then looks for a signal. If that program has more than there is room for, the OOM killer
//     comes before the cancel does.
//   - The kernel charges a page that comes back to the control group whose page it is. If that group
//     is at its limit and its pages have nowhere else to go, the OOM killer chooses a program of the
//     group instead. So [Look] adds up for each group, too.
//
// # What is enough
//
// The kernel needs memory for each page that comes back and is not in memory as well. [Room] compares
// that with what is available, and with the room of other swap. It is a forecast: programs allocate
// and free meanwhile. So Run looks again while it goes on.
package swapoff
