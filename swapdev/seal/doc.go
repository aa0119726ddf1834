// Package seal encrypts and authenticates pages before they leave the machine. So neither a donor, nor who listens
// between, nor who takes the backing disk away can read a page, or pass another one off for it.
//
// # Dangers
//
//   - Two contents that are sealed under one key, page and counter betray both of them, and let others forge
//     pages. The counter comes from slabmap, which gives each one once. Seal once for each counter.
//   - A sealed page hides what it holds, and not that it was written, when, and how often it is read.
//   - The key is in this process's memory alone. When the process ends, nobody can open what it has sealed.
//
// # How a page is sealed
//
// With AES-256-GCM, which makes of a page as many bytes and a tag. The device keeps the first 88 bits of the tag
// beside the page's counter, because more would not fit into 16 bytes: a forger guesses right once in 2^80 attempts
// at the best, as a page has 2^8 blocks. The nonce of 96 bits is the page's number (40), the counter (40), and the
// life of the device (16).
//
// The package crypto/cipher refuses to open with a tag that is shorter than 96 bits. So a page is opened in two
// steps, which together are GCM: its tag is computed from the sealed page and compared, in a time that does not
// depend on the tags; then GCM's counter mode is applied once more, which takes it back. GCM's tag of a sealed page
// and that of the same bytes as additional data differ by a constant of the key, in which the two lengths take
// part. The constant is computed once: then one pass over the sealed page authenticates it.
//
// # Concurrency
//
// A [Key] may be used by any goroutine, a [Sealer] by one at a time.
package seal
