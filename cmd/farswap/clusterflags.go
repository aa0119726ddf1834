package main

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/cluster"
)

// donorGossip is where a donor gossips: the port after those of its control and
// its transports. Who only listens takes a free port.
const donorGossip = ":9403"

// clusterOptions are the flags of commands that take part in a cluster's gossip.
// A listen that is set before flags is the default of --gossip-listen.
type clusterOptions struct {
	listen string
	key    string
	join   []string
}

// flags adds them to a command.
func (o *clusterOptions) flags(f *pflag.FlagSet) {
	if o.listen == "" {
		o.listen = ":0"
	}
	f.StringVar(&o.listen, "gossip-listen", o.listen, "IP:PORT or :PORT of gossip, over UDP and TCP, open to all members; port 0 takes a free one")
	f.StringVar(&o.key, "gossip-key", "", "file with the cluster's key, from `farswap cluster key`: take part in its gossip")
	f.StringSliceVar(&o.join, "join", nil, "HOST:PORT of gossip of a member of the cluster; repeat it for more")
}

// given says whether gossip is wanted.
func (o *clusterOptions) given() bool { return o.key != "" }

// check refuses flags that do not fit together, and a key that is none.
func (o *clusterOptions) check() error {
	if len(o.join) > 0 && !o.given() {
		return usage("--join means nothing without --gossip-key FILE (see `farswap cluster key`)")
	}
	if !o.given() {
		return nil
	}
	_, err := cluster.LoadKey(o.key)
	return err
}

// open joins the cluster, as an observer. Without --gossip-key there is none: the
// source is nil then.
func (o *clusterOptions) open(ctx context.Context, log zerolog.Logger) (cluster.Source, error) {
	g, err := o.gossip(ctx, log, false)
	if g == nil {
		return nil, err
	}
	return g, err
}

// gossip is open for those who announce something, or have to reach a member.
func (o *clusterOptions) gossip(ctx context.Context, log zerolog.Logger, mustJoin bool) (*cluster.Gossip, error) {
	if err := o.check(); err != nil || !o.given() {
		return nil, err
	}
	key, err := cluster.LoadKey(o.key)
	if err != nil {
		return nil, err
	}
	g, err := cluster.OpenGossip(ctx, cluster.Config{Listen: o.listen, Key: key, Join: o.join, MustJoin: mustJoin, Log: log})
	if errors.Is(err, cluster.ErrConfig) {
		return nil, &usageError{err}
	}
	return g, err
}
