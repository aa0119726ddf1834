package path

import (
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// What a queue measures the latencies of.
const (
	ofRead = iota // requests, from their coming to their answer
	ofWrite
	ofRemoteRead // parts that succeeded
	ofRemoteWrite
	ofBackingRead
	ofBackingWrite
	sources
)

// sourceNames are the sources in status.
var sourceNames = [sources]string{
	status.SourceRead, status.SourceWrite, status.SourceRemoteRead,
	status.SourceRemoteWrite, status.SourceBackingRead, status.SourceBackingWrite,
}

// Latencies are the durations of one queue by source.
type Latencies [sources]loghist.Histogram

// Add adds the durations of another queue.
func (l *Latencies) Add(o *Latencies) {
	for i := range l {
		l[i].Add(&o[i])
	}
}

// Report returns the durations as status has them, by source.
func (l *Latencies) Report() []status.Histogram {
	all := make([]status.Histogram, 0, sources)
	for i := range l {
		all = append(all, status.Histogram{Source: sourceNames[i], Latency: status.Distribution(l[i])})
	}
	return all
}

// Reads are the durations of read requests, from their coming to their answer.
func (l *Latencies) Reads() *loghist.Histogram { return &l[ofRead] }

// Writes are the durations of write requests, likewise.
func (l *Latencies) Writes() *loghist.Histogram { return &l[ofWrite] }
