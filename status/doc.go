// Package status is what a running farswap process says about itself: the
// contract of `farswap ublk status --json`, the socket that serves it, and the
// folder under /run/farswap that holds both.
//
// Dangers first:
//
//   - Fields of [Device] and [DonorDaemon] are a contract that tools build on.
//     Add fields, never rename one and never change a unit.
//   - [Serve] replaces a socket that nobody listens on. Hold the folder's
//     [Lock] before calling it, so that "nobody" stays true.
//   - The methods of a [DeviceSource] and of a [DonorSource] run on the server's goroutines, never on a
//     queue's thread: what they read must be safe for that.
//
// A state folder is /run/farswap/ID for a device and /run/farswap/donor-NAME
// for a donor:
//
//	lock   held by the server for as long as it lives; its process id inside
//	sock   HTTP over a unix socket, mode 0600: GET /status, POST /stop; of a device
//	       GET /status?slabs=0 leaves the slabs out
//
// A folder whose lock nobody holds belongs to a server that died; its other
// files are what a new server needs to take over.
package status
