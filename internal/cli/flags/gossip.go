package flags

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/usage"
)

// GossipNames are the flags that [Gossip.Register] adds.
var GossipNames = []string{"gossip-listen", "gossip-key", "join"}

// Gossip holds the flags of commands that take part in a cluster's gossip.
type Gossip struct {
	Listen string // set before Register, it is the default of --gossip-listen; empty is a free port
	Key    string
	Join   []string

	standard string      // default of Listen
	flag     *pflag.Flag // of Listen
}

// Register adds the flags to a command.
func (o *Gossip) Register(f *pflag.FlagSet) {
	if o.Listen == "" {
		o.Listen = ":0"
	}
	f.StringVar(&o.Listen, "gossip-listen", o.Listen, "IP:PORT or :PORT of gossip, over UDP and TCP, open to all members; port 0 takes a free one")
	o.standard, o.flag = o.Listen, f.Lookup("gossip-listen")
	f.StringVar(&o.Key, "gossip-key", "", "file with the cluster's key, from farswap cluster key: take part in its gossip; of several keys in it the first is used and all are accepted")
	f.StringSliceVar(&o.Join, "join", nil, "HOST:PORT of gossip of a member of the cluster; repeat it for more")
}

// Given says whether gossip is wanted.
func (o *Gossip) Given() bool { return o.Key != "" }

// Check refuses flags that do not fit together, addresses that cannot be, and a file that holds no key.
func (o *Gossip) Check() error {
	switch {
	case o.Given():
	case len(o.Join) > 0:
		return usage.Errorf("--join means nothing without --gossip-key FILE (see `farswap cluster key`)")
	case o.Listen != o.standard || o.flag != nil && o.flag.Changed:
		return usage.Errorf("--gossip-listen means nothing without --gossip-key FILE (see `farswap cluster key`)")
	default:
		return nil
	}
	if err := CheckListen("gossip-listen", o.Listen); err != nil {
		return err
	}
	for _, member := range o.Join {
		if err := CheckDial("join", member); err != nil {
			return err
		}
	}
	_, err := cluster.LoadKeys(o.Key)
	return err
}

// Open joins the cluster for those who announce something, or, with mustJoin, who have to
// reach a member. Without --gossip-key the gossip is nil.
func (o *Gossip) Open(ctx context.Context, log zerolog.Logger, mustJoin bool) (*cluster.Gossip, error) {
	if err := o.Check(); err != nil || !o.Given() {
		return nil, err
	}
	keys, err := cluster.LoadKeys(o.Key)
	if err != nil {
		return nil, err
	}
	g, err := cluster.OpenGossip(ctx, cluster.Config{Listen: o.Listen, Key: keys[0], Also: keys[1:], Join: o.Join, MustJoin: mustJoin, Log: log})
	if errors.Is(err, cluster.ErrConfig) {
		return nil, usage.Wrap(err)
	}
	return g, err
}

// Files is the key file of gossip that is open, for those who read it again; none without gossip.
func (o *Gossip) Files(g *cluster.Gossip) []process.File {
	if g == nil {
		return nil
	}
	return []process.File{{What: "gossip keys", Paths: []string{o.Key}, Read: func() (bool, error) {
		keys, err := cluster.LoadKeys(o.Key)
		if err != nil {
			return false, err
		}
		return g.SetKeys(keys)
	}}}
}
