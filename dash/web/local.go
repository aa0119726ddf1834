package web

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

// millis returns a time in the page's form, milliseconds since 1970; 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// localKey returns the key of a device or donor of this machine.
func localKey(kind, name string) string { return localOrigin + "/" + kind + "/" + name }

// splitKey splits a key, ORIGIN/KIND/NAME, into its parts.
func splitKey(key string) (from, kind, name string, err error) {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" || parts[1] != kindDevice && parts[1] != kindDonor {
		return "", "", "", fmt.Errorf("thing %q: want ORIGIN/device/ID or ORIGIN/donor/NAME", key)
	}
	return parts[0], parts[1], parts[2], nil
}

// localThings summarises the devices and donors of this machine, by key.
func localThings(f *feed.Feed) map[string]*summary {
	things := map[string]*summary{}
	for _, d := range f.Devices() {
		name := strconv.Itoa(d.ID)
		s := &summary{
			Kind: kindDevice, Name: cmp.Or(d.Status.Path, "/dev/ublkb"+name), Origin: localOrigin, State: string(d.State), Error: d.Error,
			Since: millis(d.Since), Answered: millis(d.Answered),
		}
		if !d.Answered.IsZero() {
			s.Device = summariseDevice(&d.Status, lastPoint(f.Points(d.ID, 0, 1)))
		}
		things[localKey(kindDevice, name)] = s
	}
	for _, d := range f.Donors() {
		s := &summary{
			Kind: kindDonor, Name: d.Name, Origin: localOrigin, State: string(d.State), Error: d.Error,
			Since: millis(d.Since), Answered: millis(d.Answered),
		}
		if !d.Answered.IsZero() {
			s.Donor = summariseDonor(&d.Status, lastPoint(f.DonorPoints(d.Name, 0, 1)))
		}
		things[localKey(kindDonor, d.Name)] = s
	}
	return things
}

// lastPoint returns the newest point, or an empty one.
func lastPoint[T any](points []T) T {
	var p T
	if n := len(points); n > 0 {
		p = points[n-1]
	}
	return p
}

// headlineSources are the sources whose latency stands for a device, nearest to the
// application first.
var headlineSources = []string{status.SourceFault, status.SourceSwapIn, status.SourceBlockRead, status.SourceRead}

func summariseDevice(d *status.Device, p feed.Point) *deviceSummary {
	s := &deviceSummary{
		State: d.State, Swap: d.Swap, Size: d.Size, Pages: d.Pages, Degraded: d.Degraded, Reason: d.Reason, Donors: len(d.Donors),
		In: tenth(p.Rates.RemoteReads + p.Rates.BackingReads), Out: tenth(p.Rates.RemoteWrites + p.Rates.BackingWrites),
		Errors: d.IO.Errors, Corrupt: d.IO.Corrupt,
	}
	for _, o := range d.Donors {
		if o.State == donorUp {
			s.DonorsUp++
		}
	}
	for _, source := range headlineSources {
		if span, ok := p.Span(source); ok {
			s.Source, s.P50, s.P99 = source, rounded(span.Latency.P50), rounded(span.Latency.P99)
			break
		}
	}
	return s
}

// donorUp is the state of a donor that takes pages, as package swapdev writes it.
const donorUp = "up"

func summariseDonor(d *status.DonorDaemon, p feed.DaemonPoint) *donorSummary {
	m := &d.Memory
	return &donorSummary{
		State: d.State, Address: d.Address, Total: m.Total, Mapped: m.Mapped, Prepared: m.Prepared, Free: m.Free, Room: m.Room,
		Available: m.Available, HeadRoom: m.HeadRoom, Sessions: len(d.Sessions), Evictions: d.Evictions,
		In: tenth(p.Rates.BytesRead), Out: tenth(p.Rates.BytesWritten),
	}
}
