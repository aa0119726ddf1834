// Package report writes results of package harness for people: as text for a terminal, as
// Markdown, and as one HTML file that needs nothing else, no network either.
//
// Ratios are to the reference, the same application without a limit, turned so that above
// 1 is better. All three have every row of the result file.
package report
