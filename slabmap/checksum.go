package slabmap

import "hash/crc32"

// castagnoli selects CRC32C, which amd64 and arm64 compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the CRC32C of a page. The map stores it.
func Checksum(page []byte) uint32 { return crc32.Checksum(page, castagnoli) }
