package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Prefixes of all names.
const (
	devicePrefix   = "farswap_device_"
	donorPrefix    = "farswap_donor_"
	exporterPrefix = "farswap_exporter_"
)

// family is one metric name, with its help text and its labels.
type family struct {
	name string
	kind prometheus.ValueType
	desc *prometheus.Desc
}

// families lists all families. It is complete once the package is initialised.
var families []*family

func newFamily(kind prometheus.ValueType, name, help string, labels []string) *family {
	f := &family{name, kind, prometheus.NewDesc(name, help, labels, nil)}
	families = append(families, f)
	return f
}

// deviceGauge and the functions below make a family. Its first label names the device or the donor.
func deviceGauge(name, help string, labels ...string) *family {
	return newFamily(prometheus.GaugeValue, devicePrefix+name, help, append([]string{"device"}, labels...))
}

func deviceCounter(name, help string, labels ...string) *family {
	return newFamily(prometheus.CounterValue, devicePrefix+name, help, append([]string{"device"}, labels...))
}

// deviceHistogram makes a family with histograms as samples; see [sink.latency].
func deviceHistogram(name, help string, labels ...string) *family {
	return newFamily(prometheus.UntypedValue, devicePrefix+name, help, append([]string{"device"}, labels...))
}

func donorGauge(name, help string, labels ...string) *family {
	return newFamily(prometheus.GaugeValue, donorPrefix+name, help, append([]string{"donor"}, labels...))
}

func donorCounter(name, help string, labels ...string) *family {
	return newFamily(prometheus.CounterValue, donorPrefix+name, help, append([]string{"donor"}, labels...))
}

func exporterGauge(name, help string, labels ...string) *family {
	return newFamily(prometheus.GaugeValue, exporterPrefix+name, help, labels)
}

// sink takes the metrics of one server, or of the exporter.
type sink struct {
	out   chan<- prometheus.Metric
	owner []string  // value of the first label; empty for the exporter
	since time.Time // begin of the server's counters; zero: unknown
}

// put adds a sample. The values are for the family's labels, without the first if there is an owner. A value that
// is not UTF-8 becomes an error of the scrape, which contains all other samples nevertheless.
func (s *sink) put(f *family, value float64, labels ...string) {
	var m prometheus.Metric
	var err error
	labels = s.labels(labels)
	if f.kind == prometheus.CounterValue && !s.since.IsZero() {
		m, err = prometheus.NewConstMetricWithCreatedTimestamp(f.desc, f.kind, value, s.since, labels...)
	} else {
		m, err = prometheus.NewConstMetric(f.desc, f.kind, value, labels...)
	}
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	s.out <- m
}

func (s *sink) labels(more []string) []string {
	return append(s.owner[:len(s.owner):len(s.owner)], more...)
}

// truth adds a condition as a sample: 1 for true, 0 for false.
func (s *sink) truth(f *family, is bool, labels ...string) {
	value := 0.0
	if is {
		value = 1
	}
	s.put(f, value, labels...)
}

// oneOf adds a state as samples: 1 for the present state, 0 for the others.
func (s *sink) oneOf(f *family, states []string, is string) {
	for _, state := range states {
		s.truth(f, state == is, state)
	}
}

// seconds and unixTime convert to the units of Prometheus. An unknown time becomes 0.
func seconds(ns int64) float64 { return float64(ns) / float64(time.Second) }

func unixTime(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return seconds(t.UnixNano())
}
