package lend

import (
	"time"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
)

// options are the flags of `donor`.
type options struct {
	listen, dataListen, rdmaListen string

	memory    flags.Size
	keep      flags.HeadRoom
	allow     []string
	ahead     int
	lease     time.Duration
	name      string
	transport string
	rdma      flags.RDMA
	cert      string
	revoked   string
	listed    command.ConfigList // where allow comes from
	insecure  bool
	cluster   flags.Gossip
	announced string // HOST or HOST:PORT
	root      string
}
