// Command farswap gives a machine the unused memory of its neighbours as swap. It is the
// program that a person types. `farswap ublk add` and `farswap donor` execute farswapd, the
// program that serves, from beside farswap's own file or from PATH.
//
// Dangers first:
//
//   - The device server is part of the kernel's memory reclaim for as long as its device is
//     swap. Do not kill it, stop it with a debugger, or limit its memory. Take swap off first, as `ublk stop --swapoff` does.
//   - `ublk del --force` takes a device away under those who use it.
//   - `--insecure` sends pages in the clear. It is for trying things out on one machine.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused because data would be lost. An error
// is one line on standard error that says what to do.
package main
