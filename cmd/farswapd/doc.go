// Command farswapd serves swap devices and donors. `farswap ublk add` and `farswap donor`
// execute it; it takes the same options when it is started directly.
//
// Dangers first:
//
//   - A device server is part of the kernel's memory reclaim for as long as its device is swap.
//     Do not kill it, stop it with a debugger, or limit its memory. Take swap off first.
//   - All of this program is locked in memory, on machines that are out of memory. What it
//     links is checked by a test: nothing may come in by the way.
//
// Capabilities of a file (setcap) belong on this program, not on farswap.
package main
