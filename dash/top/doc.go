// Package top is `farswap top`: a swap device as a picture on the terminal that goes on.
//
// Dangers first:
//
//   - It runs on a machine that may be short of memory, and can itself be swapped out to
//     the device that it shows. It never holds that up: it only asks for status.
//   - Names and reasons come from other machines. Everything goes through [clean] before
//     it gets to the terminal, and a line is cut before it gets too wide.
//   - What is written is bounded: one frame for each poll and for each key, ten a second
//     at most, of which Bubble Tea sends the cells that changed. Of 80×24 the first frames are
//     up to 10 kB with colours, then a poll is 0.3 kB of slabs, 1.4 kB of the overview
//     and 3.2 kB of a full heatmap; 14 kB of a heatmap of 200×60. Over a slow link take
//     --interval 5s, or let columns stand for more time with z.
//
// A poll of the feed makes a snapshot; a frame is drawn from one snapshot and what the
// user has chosen, by functions without any state: the same two give the same frame.
// Every block draws itself as lines within a width, so that tests can ask for that.
//
// Where standard output is no terminal, or a dumb one, frames are written one below the
// other, without colours; `--once` ends after the first. Glyphs are ASCII unless the
// locale is UTF-8. Colours repeat what letters and shades say; NO_COLOR turns them off.
package top
