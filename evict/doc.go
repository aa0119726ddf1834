// Package evict is a donor's memory policy: how much to prepare ahead of need,
// when memory has to go back to the machine, and which slabs go. It does no I/O,
// reads no clock and starts no goroutine: once a second its caller passes figures
// in and carries out what comes back.
//
// # Dangers
//
// The figures are trusted. [Sample] Available must be what the machine has after
// everything that was lent is subtracted: MemAvailable is, since lent memory is
// locked. A caller that adds lent memory to it lends the machine to death.
//
// What was asked back and has not come back yet must be in [Lent] Returning.
// Without it the same shortage is answered once a second until the first slab is
// home, with a new slab each time.
//
// [Governor.Room] is 0 before the first Tick. A donor that ticks no longer
// answers from its last one.
//
// # Headroom
//
// HeadRoom is what local applications are to find available at any time. What
// they leave to the donor is available + lent; that sum is what is smoothed, with
// the paper's β = 0.2 (new = β·measured + (1−β)·old), and what is lent now is then
// subtracted. Smoothing the available memory itself would follow the donor's own
// steps late: it would evict twice, and prepare twice.
//
//	available ≥ HeadRoom + Slack   slabs are prepared, devices may map
//	between                        nothing happens: the hysteresis
//	available < HeadRoom           memory goes back: prepared, then mapped
//
// After memory had to go back, nothing is lent or prepared for Calm seconds, so
// that an application which comes and goes does not carry slabs in and out.
//
// # How much goes back
//
// Three shortages are looked at, each what available memory and what is already
// returning lack of HeadRoom: now (as measured), the smoothed one, and the lasting
// one (the smaller of this tick's and the last one's).
//
// Ordinarily the larger of smoothed and lasting goes back, never more than is
// short now. A spike of one second is not in the lasting shortage, and with a fifth
// of its size in the smoothed one; what of it would hit mapped slabs is bounded by
// EvictRate. Prepared slabs are not rationed: giving them back costs nobody a page.
//
// Urgent is a real shortage. Then all that is short now goes back at once, and a
// second's worth of growth with it. It is urgent when
//
//   - less than half of HeadRoom is available, in two ticks running, counting in
//     what applications take within the next second if they go on growing as they
//     did in the last two; or
//   - available memory is below HeadRoom and tasks wait for memory (StallLimit).
//
// Tasks that wait while HeadRoom is there mean nothing: an application that is
// limited to less memory than it uses waits for its swap, on every machine that
// has use for this program.
//
// # Which slabs go
//
// [Candidates] picks E + E′ mapped slabs at random, their devices are asked for
// their activity, and [LeastActive] names the E that go. Asking all devices would
// cost more than it brings: see DefaultExtra.
//
// # Concurrency
//
// The methods of [Governor] may be called from any goroutine. The functions are
// pure, apart from the random generator that they are given.
package evict
