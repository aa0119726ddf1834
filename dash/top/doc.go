// Package top is `farswap top`: it draws a swap device on the terminal, again and again.
//
// Dangers first:
//
//   - It runs on a machine that may be short of memory, and may itself be swapped out to
//     the device that it shows. It never holds up the device: it only asks for status.
//   - Names and reasons come from other machines. Everything goes through [clean] before
//     it gets to the terminal, and a line is cut before it gets too wide.
//   - Output is bounded: one frame for each poll and for each key, ten a second at most.
//     Bubble Tea sends only the cells that changed. On 80×24 the first frames take up to
//     10 kB with colours. After that, a poll takes 0.3 kB with the slabs, 1.4 kB with the
//     overview and 3.2 kB with a full heatmap; a heatmap of 200×60 takes 14 kB. Over a slow
//     link use a longer interval, or columns that stand for more time (key z).
//
// A poll of the feed makes a snapshot. Functions without state draw a frame from one
// snapshot and the user's choices: the same two give the same frame. Every block draws
// itself as lines within a width, which tests check.
//
// If the output is no terminal, or a dumb one, frames come one below the other, without
// colours; [Config].Once ends after the first. Glyphs are ASCII unless the locale is
// UTF-8. Colours repeat what letters and shades say; NO_COLOR turns them off.
package top
