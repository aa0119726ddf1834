package add

import (
	"context"
	"os"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/process"
)

// follow reads certificates, lists and keys again when they change, until the returned function is
// called.
func (o *options) follow(again <-chan os.Signal, log zerolog.Logger) (stop func()) {
	files := process.Files{Identity: o.identity, Log: log, Others: o.gossip.Files(o.member)}
	if o.listed.Path != "" {
		files.Others = append(files.Others, process.File{What: "allowed donors", Paths: []string{o.listed.Path}, Read: o.allowAgain})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { files.Follow(ctx, again) })
	return func() { cancel(); following.Wait() }
}

// allowAgain takes up the names of donors in the configuration file.
func (o *options) allowAgain() (bool, error) {
	list, err := o.listed.Read()
	if err != nil || slices.Equal(list, o.allow) {
		return false, err
	}
	if err := o.allowed.Set(list); err != nil {
		return false, err
	}
	o.allow = list
	return true, nil
}
