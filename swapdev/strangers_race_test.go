//go:build race

package swapdev

// growthFactor is what the race detector takes for a byte of the program, at most.
const growthFactor = 10
