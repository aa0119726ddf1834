// Package report writes results of package harness for people: as text for a terminal, as
// Markdown, and as one HTML file that needs no other file and no network.
//
// Ratios are to the reference, the same application without a limit. Above 1 is better, for
// every metric. All three formats have every row of the result file.
package report
