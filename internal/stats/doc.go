// Package stats says how sure a figure is that was measured a few times: medians, and
// percentile bootstrap intervals of a median and of a ratio of two medians.
//
// # Dangers
//
//   - An interval of few runs is too narrow. With n runs the interval of a median is at
//     most from the smallest to the largest, which holds the true median with a
//     probability of 1 - 2^(1-n) only: 50% for two runs, 75% for three, 94% for five.
//     [Interval.Verdict] wants [EnoughRuns] on either side.
//   - The intervals know of chance between runs, not of what all runs have in common: a
//     machine that was slower on the day of one of the two measurements.
//   - Samples have to be finite; what is not is the caller's mistake, and gives NaN.
//
// All functions are pure: the same samples, in whatever order, and the same seed give
// the same interval. They may be called from any goroutine.
package stats
