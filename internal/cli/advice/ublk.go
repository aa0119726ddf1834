package advice

import "github.com/farswap/farswap/ublk"

// ublkAdvice is about the errors of the block device's driver.
var ublkAdvice = []advice{
	{about: ublk.ErrIDTaken, say: "choose another --id, or see `farswap ublk list`"},
	{about: ublk.ErrNoDevice, say: "see `farswap ublk list`"},
	{about: ublk.ErrState, say: "see `farswap ublk list`"},
}
