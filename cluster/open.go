package cluster

import (
	"errors"
	"strings"

	"github.com/rs/zerolog"
)

// dnsPrefix marks a name that resolves to donors.
const dnsPrefix = "dns:"

// Open makes a source of donors from what users write: HOST:PORT, or dns:NAME:PORT for a name that
// resolves to many donors. A wrong one is ErrConfig. After an error nothing stays open.
func Open(log zerolog.Logger, donors ...string) (_ Source, err error) {
	var static []string
	var sources []Source
	defer func() {
		if err != nil {
			for _, s := range sources {
				err = errors.Join(err, s.Close())
			}
		}
	}()
	for _, text := range donors {
		address, isDNS := strings.CutPrefix(text, dnsPrefix)
		if !isDNS {
			static = append(static, text)
			continue
		}
		if err := CheckAddress(address); err != nil {
			return nil, err
		}
		name, port, err := splitAddress(address)
		if err != nil {
			return nil, err
		}
		s, err := OpenDNS(DNSConfig{Name: name, Port: port, Log: log})
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	s, err := NewStatic(static...)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return s, nil
	}
	sources = append([]Source{s}, sources...)
	return Merge(sources...), nil
}
