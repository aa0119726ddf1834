// Package cluster tells which donors there are and how much they can lend: from
// a static list, from DNS, from gossip, or from several of these at once. It
// has no policy; whom to ask for memory is its caller's to choose.
//
// # Dangers
//
//   - What a [Source] says is a hint, seconds old. A donor may be full, gone or
//     somebody else by the time it is asked: only a session (package control)
//     proves who it is, and only the donor itself can refuse a slab that it has
//     no room for.
//   - A donor that is no longer listed need not be dead: gossip loses sight of a
//     machine that is starved or cut off for some seconds. A session that works
//     is the better witness. Do not end it because a Source dropped the donor.
//   - Whoever has the gossip key can announce any donor, under any name. The key
//     keeps strangers out; it is no identity.
//   - [Source.Changed] is for one receiver. Two of them take each other's
//     signals; put a [Merge] of one source in front, or share what Donors says.
//   - One donor that is listed under two addresses (a host name here, its IP
//     address there) is two donors to this package. The name that a session's
//     Welcome gives tells them apart.
//
// # Sources
//
// [NewStatic] never changes. [OpenDNS] resolves one name to many addresses,
// again every interval; after a failure the last good answer stays. [OpenGossip]
// joins a cluster. [Open] makes the first two from what users write, [Merge]
// joins sources by address: the newest announcement wins.
//
// # Gossip
//
// Every member runs hashicorp/memberlist: it probes the others over UDP, spreads
// what it learns, and compares everything with one of them over TCP from time to
// time. A donor calls [Gossip.SetLocal]; its announcement travels as the
// metadata of its member, 512 bytes at most, anew when it has changed much (at
// most once a second) and at least every 10 s. A member that announces nothing
// is an observer: so a device takes part.
//
// All traffic is encrypted with AES-256-GCM under one key, from a file of
// [WriteKey]. Each TCP stream begins with a greeting of 20 bytes (magic, version,
// and a fingerprint of the key), so that both ends can say that their keys
// differ instead of failing to decrypt. To change the key, restart every member
// with the new one; those with different keys are two clusters meanwhile.
//
// A member that fails is missed after about 5 s in a small cluster, 9 s among
// 100. One that comes back is back at once: with every start a process becomes
// a new member, whose random name has nothing to do with the donor's. Donors
// lost sight of, for a day, and targets of --join that are not there, for ever,
// are tried again every 5 s: a cluster in two parts heals without help.
//
// No message carries a time of day, and all waits are counted on the monotonic
// clock: a wrong clock, or one that is set, changes nothing.
//
// At most a hundred or so donors can announce every 10 s before the packets of
// memberlist's gossip are full; with more the announcements get older, since a
// newer one of the same member replaces what still waits to be sent.
//
// # Two donors with one name
//
// Each donor claims its name with a number: one more than the highest that it
// sees when it first announces. Of two that announce different addresses under
// one name, the lower claim keeps it, which is that of the donor that was there
// first. The other is refused: no member lists it while the first is there, and
// all of them, itself included, log both addresses. Those that did not know of
// each other can have equal claims; the address that sorts lower keeps the name.
// Of two members with one address the higher claim counts, since the other is a
// process that has ended and was not missed yet.
package cluster
