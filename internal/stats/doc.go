// Package stats says how certain a figure is that was measured a few times. It has
// medians, and percentile bootstrap intervals of a median and of a ratio of two medians.
//
// # Dangers
//
//   - An interval of few runs is too narrow. With n runs the interval of a median goes
//     at most from the smallest to the largest sample. The true median is in there with a
//     probability of 1 - 2^(1-n) only: 50% for two runs, 75% for three, 94% for five.
//     [Interval.Verdict] needs [EnoughRuns] on either side.
//   - The intervals cover chance between runs. They do not cover what all runs have in
//     common, such as a machine that was slower on the day of one measurement.
//   - Samples must be finite. A sample that is not gives NaN.
//
// All functions are pure: the same samples, in any order, and the same seed give the
// same interval. Any goroutine may call them.
package stats
