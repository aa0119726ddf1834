// Package kept keeps what a device needs to outlive its server, in memory that is never swapped.
//
// Dangers first:
//
//   - What is here is the only way to the pages of a device that has no server. Who removes it
//     loses them.
//   - The key that opens sealed pages is here, in plain. So a [Place] is a mount of its own that
//     root alone can open, and nothing of it ever reaches a disk: a tmpfs that is not swapped
//     (noswap, since Linux 6.4), or a ramfs where the kernel has no such tmpfs. An ordinary tmpfs
//     would not do. Once a server has died, nobody locks its pages any more, and the kernel may
//     swap them: to the very device that they describe.
//   - A mount that was made in a mount namespace of its own goes with the last process in there.
//     A server that systemd shuts off from the machine's mounts needs the mount made before; see
//     [Place.Private].
//   - A device's state has one owner at a time. The lock of the state folder (package status)
//     says who that is. Nothing here does.
//
// # What is in a place
//
// A folder for each device, named by its number:
//
//	record   who the device is, and what its server was started with: JSON, replaced as a whole
//	donors   the addresses of its donors: the n-th line is that of donor n of the map
//	map      the map of its pages, shared with the server (package slabmap)
//
// A device gets its number late, so its folder has another name before: new-PID-N.
//
// # When a server dies
//
// It may die between any two instructions. What is here is right at each of them:
//
//   - record: a new one is written beside the old one and renamed over it. Either is whole.
//   - donors: a line counts once it has its end. The map names a donor only after that.
//   - map: each page and each slab is one word, changed by one instruction. A page that was being
//     written is marked. The next server clears the mark and keeps the old state: the kernel has not
//     had an answer and sends the write again. A write that was answered by the donor alone leaves
//     its page with this copy, and the page lacks one in the backing file from then on. A slab for
//     which a donor was being asked has none; the donor is told so. Package slabmap says the rest.
//   - A key of a donor's memory is not here. The next server claims the slabs and gets other keys.
package kept
