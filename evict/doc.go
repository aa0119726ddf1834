// Package evict is the memory policy of a donor. It decides how much memory to prepare ahead of need,
// when memory goes back to the machine, and which slabs go. It does no I/O, reads no clock and starts no
// goroutine: once a second its caller passes figures in and carries out the plan.
//
// # Dangers
//
// The package trusts its figures. Available of [Sample] must not contain lent memory. MemAvailable does
// not, because lent memory is locked. A caller that adds lent memory to it lends until the machine dies.
//
// Returning of [Lent] must contain the memory that the donor has asked back and does not have yet.
// Without it the governor asks for a new slab once a second until the first slab is back.
//
// [Governor.Room] is 0 before the first Tick. If a donor stops calling Tick, Room answers from the last
// one.
//
// # Headroom
//
// HeadRoom is the memory that local applications should find available at any time. They leave
// available + lent to the donor. The governor smooths that sum with the paper's β = 0.2
// (new = β·measured + (1−β)·old), and then subtracts what is lent now. If it smoothed the available
// memory itself, it would see the donor's own steps late: it would evict twice and prepare twice.
//
//	available ≥ HeadRoom + Slack   the donor prepares slabs, and devices may map
//	between                        nothing happens: the hysteresis
//	available < HeadRoom           memory goes back: prepared slabs, then mapped ones
//
// After a shortage the donor lends and prepares nothing for Calm seconds, so that an application that
// comes and goes does not move slabs back and forth.
//
// # How much goes back
//
// A shortage is HeadRoom minus the available memory and minus the memory that is already returning. The
// governor computes three: the shortage now (as measured), the smoothed one, and the lasting one (the
// smaller of this tick's and the last tick's).
//
// Ordinarily the larger of the smoothed and the lasting shortage goes back, and never more than the
// shortage now. A spike of one second is not in the lasting shortage, and only a fifth of it is in the
// smoothed one. EvictRate bounds how much of that the donor takes from devices. No rate bounds prepared
// slabs, because no page is in them.
//
// A real shortage is urgent. Then the whole shortage now goes back at once, and the growth of one second
// with it. It is urgent when
//
//   - less than half of HeadRoom is available in two ticks in a row, where the governor also subtracts
//     what applications take within the next second if they grow as in the last two; or
//   - less than HeadRoom is available and tasks wait for memory (StallLimit).
//
// Tasks that wait while HeadRoom is available mean nothing: an application with a limit below its memory
// waits for its swap, on every machine that uses this program.
//
// # Which slabs go
//
// [Candidates] picks E + E′ mapped slabs at random. The donor asks their devices how active the slabs
// are, and [LeastActive] names the E that go. To ask all devices would cost more than it brings: see
// DefaultExtra.
//
// # Concurrency
//
// The methods of [Governor] may be called from any goroutine. The functions are pure, apart from their
// random generator.
package evict
