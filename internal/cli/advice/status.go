package advice

import "github.com/farswap/farswap/status"

// statusAdvice is about state folders and the servers in them.
var statusAdvice = []advice{
	{about: status.ErrRoot, say: "choose another with --state-root"},
	{about: status.ErrNewer, say: "`farswap version` says which release this is"},
}
