// Package status is the contract of what a running server tells about itself, the local
// socket that serves it, and the state folder that holds the socket. A server is a process
// that serves one device or one donor.
//
// # Dangers
//
//   - Tools build on the fields of [Device] and [DonorDaemon]. Add fields. Never rename one
//     and never change a unit; see [Schema] if one must change its meaning. TestKeys and
//     TestDocuments compare the contract with recorded files; `go test ./status -record`
//     records them anew.
//   - [ServeDevice] and [ServeDonor] replace a socket that no server listens on. Hold the
//     folder's [Lock] before you call them, so that no other server can start in between.
//   - The methods of a [DeviceSource] and of a [DonorSource] run on the server's goroutines
//     and never on a queue's thread. They must be safe for concurrent use.
//
// # State folders
//
// A state folder is /run/farswap/ID for a device and /run/farswap/donor-NAME for a donor. It
// contains
//
//	lock   the server locks it for as long as it lives, and writes its process id into it
//	sock   HTTP over a unix socket of mode 0600
//
// If /run/farswap is sticky, its group may write to it and others may not, that group may read
// folder, lock and socket (modes 0710, 0640, 0660). It gets answers to GET; what changes something
// is for root and the server's user.
//
// If no process holds the lock, the server of the folder has died. A new server takes over
// with the other files in the folder.
//
// # Requests
//
//	GET /status            a Device or a DonorDaemon in JSON
//	GET /status?slabs=0    of a device: without its slabs
//	GET /decisions/SLAB    of a device: a list of Decision in JSON
//	POST /stop             ends the server
//	POST /drain            of a donor: gives all memory back, then ends the server
//	POST /resize           of a donor: takes a DonorResize in JSON
//
// The answer to a POST is 202 when the work has begun, 409 when the server refuses because it
// would lose data, 400 when the request is wrong, and 403 when the user may only ask. The body of a
// refusal says why.
package status
