// Package show is the commands that show devices and donors to people and to other programs:
// `farswap metrics`, `farswap dash` and `farswap top`.
package show
