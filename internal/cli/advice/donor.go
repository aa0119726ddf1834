package advice

import "github.com/farswap/farswap/donor"

// donorAdvice is about what a donor is told to lend.
var donorAdvice = []advice{
	{about: donor.ErrName, say: "set --name"},
	{about: donor.ErrMemory, say: "give a smaller --memory"},
	{about: donor.ErrHeadRoom, say: "give a smaller --memory or --headroom"},
	{about: donor.ErrNoNames, say: "give --cert FOLDER instead of --insecure (see `farswap cert`), or leave --allow out"},
}
