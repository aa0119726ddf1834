package advice

import "github.com/farswap/farswap/cluster"

// clusterAdvice is about gossip.
var clusterAdvice = []advice{
	{about: cluster.ErrListen, say: "set --gossip-listen"},
	{about: cluster.ErrNoKey, say: "`farswap cluster key` makes one"},
}
