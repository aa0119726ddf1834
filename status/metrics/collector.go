package metrics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/farswap/farswap/status"
)

const (
	// askTimeout bounds the question to one server. Prometheus waits for 10 s by default.
	askTimeout = 4 * time.Second
	// askAtOnce is how many servers a scrape asks at the same time.
	askAtOnce = 8
)

var (
	exporterOK       = exporterGauge("state_readable", "Whether the state folders of this machine could be listed (1) or not (0).")
	exporterDuration = exporterGauge("scrape_duration_seconds", "How long it took to ask all servers.")
	exporterInfo     = exporterGauge("info", "Version of the exporter; the value is 1.", "version")
)

// collector asks the servers of one machine.
type collector struct {
	root    string
	options Options

	mu      sync.Mutex // guards the fields below; not held during questions to servers
	cgroups map[int]*life
	err     error // of the last scrape
}

// life is what the collector keeps about a device between scrapes, while its server lives.
type life struct {
	pid     int
	started time.Time
	cgroups *cgroups
}

// failure returns why the last scrape failed.
func (c *collector) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Describe names all families.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range families {
		out <- f.desc
	}
}

// Collect asks all servers. It returns when each has answered or askTimeout is over.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	began := time.Now()
	folders, err := status.Folders(c.root)
	if err != nil {
		err = fmt.Errorf("%w below %s: %w", ErrState, c.root, err)
	}
	c.forget(folders)
	var all sync.WaitGroup
	turn := make(chan struct{}, askAtOnce)
	for _, f := range folders {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			if f.Donor != "" {
				collectDonor(ctx, out, f)
			} else {
				c.collectDevice(ctx, out, f)
			}
		})
	}
	all.Wait()
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	s := &sink{out: out}
	s.truth(exporterOK, err == nil)
	s.put(exporterDuration, time.Since(began).Seconds())
	if c.options.Version != "" {
		s.put(exporterInfo, 1, c.options.Version)
	}
}

func (c *collector) collectDevice(ctx context.Context, out chan<- prometheus.Metric, f status.Folder) {
	s := &sink{out: out, owner: []string{deviceName(f.ID)}}
	d, err := status.Device{State: status.StateDead}, status.ErrNoServer
	if f.Alive {
		d, err = status.Fetch(ctx, status.Socket(f.Dir))
		if err != nil {
			d.State = stateUnknown
		}
	}
	s.truth(deviceUp, err == nil)
	s.oneOf(deviceState, deviceStates, d.State)
	if err == nil {
		s.since = d.Started
		s.device(&d, c.divide(f.ID, &d), c.options.Slabs)
	}
}

// divide adds the faults of the device's control groups to their series.
func (c *collector) divide(id int, d *status.Device) []cgroupSeries {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.cgroups[id]
	if l == nil || l.pid != d.PID || !l.started.Equal(d.Started) {
		l = &life{d.PID, d.Started, newCgroups(c.options.Cgroups)}
		c.cgroups[id] = l
	}
	return l.cgroups.add(d.Cgroups, time.Now())
}

// forget drops the lives of devices that are gone.
func (c *collector) forget(folders []status.Folder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.cgroups, func(id int, _ *life) bool {
		return !slices.ContainsFunc(folders, func(f status.Folder) bool { return f.ID == id })
	})
}

func collectDonor(ctx context.Context, out chan<- prometheus.Metric, f status.Folder) {
	s := &sink{out: out, owner: []string{f.Donor}}
	d, err := status.DonorDaemon{}, status.ErrNoServer
	if f.Alive {
		d, err = status.FetchDonor(ctx, status.Socket(f.Dir))
	}
	s.truth(donorUp, err == nil)
	if err == nil {
		s.since = d.Started
		s.donor(&d)
	}
}
