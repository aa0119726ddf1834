//go:build !race

package swapdev

const growthFactor = 1
