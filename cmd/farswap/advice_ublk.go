package main

import "github.com/farswap/farswap/ublk"

// ublkAdvice is about the errors of the block device's driver.
var ublkAdvice = []advice{
	{ublk.ErrIDTaken, "choose another --id, or see `farswap ublk list`"},
	{ublk.ErrNoDevice, "see `farswap ublk list`"},
}
