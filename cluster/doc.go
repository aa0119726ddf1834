// Package cluster lists the donors of a cluster and how much they can lend. It gets them from a static
// list, from DNS, from gossip, or from several of these. It has no policy: its caller chooses which
// donor to ask for memory.
//
// # Dangers
//
//   - The list of a [Source] is a hint and seconds old. A donor may be full or gone, or another donor
//     may have its address by now. Only a session (package control) proves a donor's identity, and
//     only the donor itself knows whether it has room for a slab.
//   - A donor that leaves the list may still live: gossip loses a machine that is starved or cut off
//     for some seconds. Do not end a working session because a Source dropped the donor.
//   - Everybody with the gossip key can announce any donor under any name. The key keeps strangers
//     out; it does not prove an identity.
//   - [Source.Changed] is for one receiver. Two receivers take each other's signals. Put a [Merge] of
//     one source in front, or share the result of Donors.
//   - If two sources list one donor under two addresses, a host name and an IP address, this package
//     lists two donors. The name in the Welcome of a session shows that they are one.
//
// # Sources
//
// [NewStatic] makes a list that never changes. [OpenDNS] resolves one name to many addresses, once per
// interval, and keeps the last good answer after a failure. [OpenGossip] joins a cluster. [Open] makes
// the first two from what users write. [Merge] joins sources by address; the newest announcement wins.
//
// # Gossip
//
// Every member runs hashicorp/memberlist: it probes the others over UDP, spreads its news, and compares
// everything with one of them over TCP from time to time. A donor calls [Gossip.SetLocal]. Its
// announcement travels as the metadata of its member, 512 bytes at most. The member announces anew
// after a large change, at most once a second, and otherwise every 10 s. A member that announces
// nothing is an observer; devices are observers.
//
// Members encrypt all traffic with AES-256-GCM under one key, from a file that [WriteKey] makes. Each TCP
// stream begins with a greeting, in which both sides prove that they have the key: see greeting.go. So a
// stranger learns nothing of the key, both ends can report different keys, and nothing is read of a stream
// before. To change the key, restart every member with the new key. Meanwhile members with different keys
// form two clusters.
//
// The others notice a failed member after about 5 s in a small cluster, and 9 s among 100. They notice
// a member that comes back at once, since each process is a new member with a random name, which is
// not the name of the donor. A member tries lost donors again every 5 s for a day, and absent targets
// of [Config].Join every 5 s for ever. So a cluster in two parts heals without help.
//
// No message carries a time of day, and all waits use the monotonic clock. A wrong clock, or a clock
// that somebody sets, has no effect.
//
// About a hundred donors can announce every 10 s before memberlist's packets are full. With more donors
// the announcements get older: a newer announcement of a member replaces one that waits to be sent.
//
// # Strangers and members
//
// What a stranger without the key can do is bounded: 48 streams that greet, 32 of one address, of which a
// newer one takes the place of the oldest, and 50 new ones a second (package netlimit). A member may have
// 16 streams of one address open, all together 32, and each may bring 1 MiB, or more in a cluster of more
// than 800 members.
//
// Gossip that somebody has recorded and sends again, a month later or at once, lists no donor: a donor
// counts only after its process has proven in a greeting, with fresh nonces, that it is the one of the
// announcement (see confirm.go). What such a sender can still do: make members believe for some seconds
// that an observer is there again, and that a live member has left, until that member has said otherwise.
// Sessions do not depend on either. Somebody who can change packets under way, not only record them, can
// also keep members apart, or put a recorded state into a stream that two members have just opened. A
// donor that is announced there has to answer, too.
//
// Everybody with the key is trusted further: such a peer can announce any number of donors and observers.
//
// # Two donors with one name
//
// Each donor claims its name with a number: one more than the highest number that it sees when it first
// announces. If two donors announce different addresses under one name, the lower claim keeps the name,
// which is the claim of the earlier donor. The members refuse the other donor: none lists it while the
// first is there, and all, itself included, log both addresses. Donors that did not know of each other
// can have equal claims; then the address that sorts lower keeps the name. If two members announce one
// address, the higher claim counts, because the other is a process that has ended.
package cluster
