// Package readahead decides which pages to fetch before the kernel asks for them. A
// [Detector] is told of each read of a queue. It finds the readers that go through the device
// at a constant step, and says how far ahead of each one to fetch.
//
// It does no I/O, reads no clock, and allocates nothing. A Detector belongs to one thread.
//
// # What it sees
//
// A block device learns which pages are read, and not by whom. So readers are told apart by
// their place: a read belongs to the stream that expected it there, whatever was read in
// between. Up to [Streams] are kept. Each one goes forwards, backwards, or by a stride of up to
// [MaxStride] pages either way.
//
// # How far ahead it fetches
//
// The window of a stream doubles whenever the reader has come to pages that were fetched for
// it, and is halved when the reader skips some. The first window of a new stream goes by what
// became of earlier streams.
//
// # Where hits are rare
//
// A page that is fetched takes one page of credit, and a page that is used gives [Worth] of
// them back. Without credit nothing is fetched, but for one page in [ProbeReads] reads, by
// which the detector notices that hits have become frequent.
package readahead
