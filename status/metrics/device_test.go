package metrics

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/farswap/farswap/status"
)

// collect lists what a function puts into a sink, as "name{label="value",…} value".
func collect(t *testing.T, owner string, put func(s *sink)) map[string]string {
	t.Helper()
	out, done := make(chan prometheus.Metric), make(chan map[string]string)
	go func() {
		samples := map[string]string{}
		for m := range out {
			var d dto.Metric
			if err := m.Write(&d); err != nil {
				t.Errorf("%v: %v", m.Desc(), err)
				continue
			}
			key := nameOf(m.Desc()) + labelsOf(&d)
			if _, twice := samples[key]; twice {
				t.Errorf("%s is there twice", key)
			}
			samples[key] = valueOf(&d)
		}
		done <- samples
	}()
	put(&sink{out: out, owner: []string{owner}, since: time.Unix(1, 0)})
	close(out)
	return <-done
}

func nameOf(desc *prometheus.Desc) string {
	for _, f := range families {
		if f.desc == desc {
			return f.name
		}
	}
	return "unknown"
}

func labelsOf(m *dto.Metric) string {
	var labels []string
	for _, l := range m.Label {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return "{" + strings.Join(labels, ",") + "}"
}

func valueOf(m *dto.Metric) string {
	switch {
	case m.Gauge != nil:
		return fmt.Sprint(m.Gauge.GetValue())
	case m.Counter != nil:
		return fmt.Sprint(m.Counter.GetValue())
	default:
		return fmt.Sprintf("%d in %g s", m.Histogram.GetSampleCount(), m.Histogram.GetSampleSum())
	}
}

// all is everything that is said of one status.
func all(t *testing.T, v any) map[string]string {
	if d, ok := v.(*status.Device); ok {
		return collect(t, "ublkb3", func(s *sink) { s.device(d, newCgroups(2).add(d.Cgroups, time.Now()), true) })
	}
	return collect(t, "here", func(s *sink) { s.donor(v.(*status.DonorDaemon)) })
}

// TestEveryFamilyIsUsed: but for those of the scrape itself, which TestScrape has.
func TestEveryFamilyIsUsed(t *testing.T) {
	s := newSynthetic(8, 3, 5)
	have := map[string]bool{deviceUp.name: true, deviceState.name: true, donorUp.name: true}
	for _, v := range []any{&s.device, &s.donor} {
		for key := range all(t, v) {
			name, _, _ := strings.Cut(key, "{")
			have[name] = true
		}
	}
	for _, f := range families {
		if !have[f.name] && !strings.HasPrefix(f.name, exporterPrefix) {
			t.Errorf("%s: there is no sample", f.name)
		}
	}
}

// notMetrics are fields of status without a metric, and why.
var notMetrics = map[string]string{
	"ID":     "the device's label",
	"Schema": "of the JSON",
	"State":  "known before the rest: see collector.go",
	"PID":    "tells nothing that start_time_seconds does not", "At": "every scrape is now",
	"Reason": "its text would make a new series each time", "Ublk": "for people", "Probes.Reason": "for people",
	"Probes.Hooks": "for people", "Probes.Missing": "for people", "Donors.Error": "for people",
	"Memory.PerPage": "page_state_bytes over pages", "Memory.PerPageShare": "page_state_bytes over size_bytes",
	"Latency": "quantiles since the start", "Donors.Latency": "quantiles since the start",
	"Slabs.Latency.P50": "the p99 tells more", "Slabs.Latency.P999": "too few reads for it", "Slabs.Pages": "slab_size_bytes",
	"Donors.Slabs": "summed over the slabs", "Moves.Drained": "of the last dropped slab, for who measures an eviction",
	"Slowest.At": "of the last minute", "Slowest.Page": "any page", "Slowest.Pages": "any number", "Slowest.Slab": "any slab", "Slowest.Donor": "see blame",
	"Slowest.Queued": "see blame", "Slowest.Remote": "see blame", "Slowest.Backing": "see blame",
	"Events": "but for Seq for people", "Decisions": "but for Seq for people",
	"Cgroups.ID":       "the name is the label",
	"Certificate.Name": "for people", "Certificate.Serial": "for people", "Certificate.Roles": "for people", "Certificate.NotAfter": "certificate_left_seconds",

	"Name": "the donor's label", "Sessions": "their number", "Leases": "their number and bytes",
	"Identities.Most": "configuration", "Identities.Reserve": "configuration", "Transports.Address": "in info",
	"Transports.IO.Refused": "in the sum", "LastEviction": "but for times for people",
	"Upgrade.From": "for people",
}

// TestEveryFieldIsAMetric changes one field of status after the other and looks whether
// that shows. A new field gets a metric, or a reason in notMetrics.
func TestEveryFieldIsAMetric(t *testing.T) {
	s := newSynthetic(8, 3, 2)
	for _, v := range []any{&s.device, &s.donor} {
		shown := 0
		before := all(t, v)
		eachField("", reflect.ValueOf(v).Elem(), func(path string, f reflect.Value) {
			old := reflect.ValueOf(f.Interface())
			change(f)
			after := all(t, v)
			f.Set(old)
			if !maps.Equal(before, after) {
				shown++
			} else if !excused(path) {
				t.Errorf("%T.%s changed and no metric did: give it one, or a reason in notMetrics", v, path)
			}
		})
		if shown < 30 {
			t.Errorf("%T: only %d fields showed", v, shown)
		}
	}
}

// excused says whether a field, or what it is a part of, has a reason in notMetrics.
func excused(path string) bool {
	parts := strings.Split(path, ".")
	for i := range parts {
		if notMetrics[strings.Join(parts[:i+1], ".")] != "" {
			return true
		}
	}
	return false
}

var opaque = []reflect.Type{reflect.TypeFor[time.Time](), reflect.TypeFor[status.Distribution]()}

// eachField visits all fields that hold one value, in the first element of lists.
func eachField(path string, v reflect.Value, visit func(string, reflect.Value)) {
	switch {
	case slices.Contains(opaque, v.Type()):
		visit(path, v)
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			eachField(path, v.Elem(), visit)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			eachField(strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i), visit)
		}
	case v.Kind() == reflect.Slice && v.Len() > 0:
		eachField(path, v.Index(0), visit)
	case v.Kind() != reflect.Slice:
		visit(path, v)
	}
}

func change(f reflect.Value) {
	switch v := f.Addr().Interface().(type) {
	case *time.Time:
		*v = v.Add(time.Minute)
	case *status.Distribution:
		v.Record(1000)
	default:
		switch {
		case f.Kind() == reflect.String:
			f.SetString("changed")
		case f.Kind() == reflect.Bool:
			f.SetBool(!f.Bool())
		case f.CanInt():
			f.SetInt(f.Int() + 1_000_000_000)
		case f.CanUint():
			f.SetUint(f.Uint() + 1_000_000_000)
		case f.CanFloat():
			f.SetFloat(f.Float() + 1)
		}
	}
}
