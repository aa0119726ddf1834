package metrics

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

const (
	// Other is the label of the sum of everything without a series of its own.
	Other = "(other)"
	// MaxNamed is how many donors of a device, and identities at a donor, have series of their own.
	MaxNamed = 256
	// DefaultCgroups is how many control groups of a device have series of their own.
	DefaultCgroups = 10
)

// ErrState means that the exporter cannot read the state folders, so that it knows nothing.
var ErrState = errors.New("cannot read the state folders")

// Options configure an exporter. The zero value is right for most machines.
type Options struct {
	Cgroups int    // control groups with series of their own; 0: DefaultCgroups, negative: none
	Slabs   bool   // series for every slab
	Version string // of the program; empty: no version
}

// Exporter makes the metrics of all devices and donors of a machine. It is safe for concurrent use.
type Exporter struct {
	registry  *prometheus.Registry
	collector *collector
}

// New makes an exporter for the state folders below root. It opens nothing: each scrape asks the servers.
func New(root string, o Options) *Exporter {
	if o.Cgroups == 0 {
		o.Cgroups = DefaultCgroups
	}
	c := &collector{root: root, options: o, cgroups: map[int]*life{}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	return &Exporter{registry, c}
}

// Handler answers with the metrics of all devices and donors below root, in the requested format. It is
// New(root, Options{}).Handler().
func Handler(root string) http.Handler { return New(root, Options{}).Handler() }

// Handler answers scrapes. Scrapes at the same time share one question to the servers.
func (e *Exporter) Handler() http.Handler {
	return promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, CoalesceGather: true, EnableOpenMetrics: true,
	})
}

// WriteText writes the metrics once, in the text format of node_exporter's textfile
// collector. The error wraps ErrState when nothing is known of this machine.
func (e *Exporter) WriteText(w io.Writer) error {
	found, err := e.registry.Gather()
	if err == nil {
		err = e.collector.failure()
	}
	if err != nil {
		return err
	}
	for _, f := range found {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}
