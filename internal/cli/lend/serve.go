package lend

import (
	"context"
	"slices"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/status"
)

// files are what the donor reads again when it changes.
func (o *options) files(d *donor.Donor, config donor.Config, gossip *cluster.Gossip) *process.Files {
	files := &process.Files{Identity: config.Identity, Log: config.Log, Others: o.cluster.Files(gossip)}
	if o.listed.Path != "" {
		files.Others = append(files.Others, process.File{What: "allowed names", Paths: []string{o.listed.Path}, Read: func() (bool, error) {
			return o.allowAgain(d)
		}})
	}
	return files
}

// allowAgain takes up the names of the configuration file.
func (o *options) allowAgain(d *donor.Donor) (bool, error) {
	words, err := o.listed.Read()
	if err != nil || slices.Equal(words, o.allow) {
		return false, err
	}
	list, err := parseAllowances(words)
	if err == nil {
		err = d.SetAllow(list)
	}
	if err != nil {
		return false, err
	}
	o.allow = words
	return true, nil
}

// source is what the donor's socket shows and does.
type source struct {
	*donor.Donor
	server *server
}

var _ status.DonorSource = source{}

// Status is the donor's, with what this process knows beside it.
func (s source) Status() status.DonorDaemon {
	d := s.Donor.Status()
	d.LogDropped = s.server.app.LogDropped()
	d.Upgrade = s.server.upgrades.lastOne()
	return d
}

// Stop begins a stop and does not wait for its end.
func (s source) Stop(context.Context) error { s.server.end.End(); return nil }

// Drain begins a drain and does not wait for its end.
func (s source) Drain(context.Context) error { s.Donor.Drain(); return nil }

// Upgrade begins to hand the donor over to a new process.
func (s source) Upgrade(context.Context) error { return s.server.upgrade(s.Donor) }

// Resize changes what the donor lends.
func (s source) Resize(_ context.Context, to status.DonorResize) error {
	return resizeHere(s.Donor, to)
}
