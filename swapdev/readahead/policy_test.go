package readahead

import "math/bits"

// policy decides what is fetched ahead. fault tells it of a read, and whether the page had
// been fetched; it returns the pages to fetch, nearest first.
type policy interface {
	fault(a access, hit bool) []int64
}

// policies are the ones that are compared, each new, farswap's first.
func policies() []named {
	return []named{
		{"farswap", newOurs()},
		{"before: forwards only", &forwards{}},
		{"kernel, by swap offset", &cluster{}},
		{"kernel, by address", &byAddress{areas: map[int]*area{}}},
		{"Leap", &leap{}},
		{"Leap, told the process", &byProcess{all: map[int]*leap{}}},
	}
}

type named struct {
	name string
	policy
}

// Bounds of the policies.
const (
	bufferPages   = 32 // of farswap at most: --max-io 128K
	kernelCluster = 3  // vm.page-cluster: up to 8 pages
	leapWindow    = 8  // pages, as in the paper
	leapHistory   = 32 // accesses, as in the paper
	leapSplit     = 8  // a trend is first looked for in this part of the history
)

// ours is what a queue does with a Detector.
type ours struct{ d Detector }

func newOurs() *ours {
	o := &ours{}
	o.d.Init(traceDevice, bufferPages, keptPages/bufferPages)
	return o
}

func (o *ours) fault(a access, hit bool) (pages []int64) {
	if hit {
		o.d.Used(1)
	}
	s := o.d.Read(a.page, 1)
	if s == None {
		return nil
	}
	for {
		span, ok := o.d.Ahead(s)
		if !ok {
			return pages
		}
		for i := range int64(span.Pages) {
			pages = append(pages, span.Page+i*span.Step)
		}
		o.d.Fetched(span.Pages)
		o.d.Took(s, span.Pages)
	}
}

// forwards is what farswap did before: eight streams, forwards only, that begin with 8 pages.
type forwards struct {
	clock   int
	streams [8]struct {
		next, ahead       int64
		proof, size, used int
	}
}

func (f *forwards) fault(a access, _ bool) (pages []int64) {
	f.clock++
	oldest := &f.streams[0]
	for i := range f.streams {
		s := &f.streams[i]
		if s.used > 0 && a.page >= s.next && a.page <= s.next+1 {
			s.proof, s.used, s.next = s.proof+1, f.clock, a.page+1
			if s.proof < 2 {
				return nil
			}
			for s.ahead = max(s.ahead, s.next); s.ahead-s.next < bufferPages && s.ahead < traceDevice; s.size = min(2*s.size, bufferPages) {
				for range s.size {
					pages = append(pages, s.ahead)
					s.ahead++
				}
			}
			return pages
		}
		if s.used < oldest.used {
			oldest = s
		}
	}
	oldest.next, oldest.ahead, oldest.proof, oldest.size, oldest.used = a.page+1, 0, 0, 8, f.clock
	return nil
}

// kernelWindow is how many pages the kernel reads at a fault: a power of two that grows with
// the hits since the last one, 1 without hits unless the fault is next to the last one, and at
// least half of the last window.
func kernelWindow(page, last int64, hits, lastWindow int) int {
	window := 1
	switch {
	case hits > 0:
		window = 4
		for window < hits+2 {
			window *= 2
		}
	case page == last+1 || page == last-1:
		window = 2
	}
	return max(min(window, 1<<kernelCluster), lastWindow/2)
}

// cluster is the kernel's readahead by swap offset: an aligned window around the fault. Its
// state is that of the whole machine.
type cluster struct {
	hits, window int
	last         int64
}

func (c *cluster) fault(a access, hit bool) (pages []int64) {
	if hit {
		c.hits++
		return nil
	}
	c.window = kernelWindow(a.page, c.last, c.hits, c.window)
	if c.hits == 0 {
		c.last = a.page
	}
	c.hits = 0
	start := a.page &^ int64(c.window-1)
	for p := start; p < start+int64(c.window); p++ {
		if p != a.page {
			pages = append(pages, p)
		}
	}
	return pages
}

// byAddress is the kernel's readahead by address, which disks without seeks have: a window
// before, behind or around the fault. Its state is that of a mapping. In these traces each
// process has one mapping, and its pages lie on the device as in memory.
type byAddress struct{ areas map[int]*area }

type area struct {
	hits, window int
	last         int64
}

func (b *byAddress) fault(a access, hit bool) (pages []int64) {
	v := b.areas[a.process]
	if v == nil {
		v = &area{}
		b.areas[a.process] = v
	}
	if hit {
		v.hits++
		v.last = a.page
		return nil
	}
	v.window = kernelWindow(a.page, v.last, v.hits, v.window)
	window := int64(v.window)
	left := a.page - (window-1)/2
	switch a.page {
	case v.last + 1:
		left = a.page
	case v.last - 1:
		left = a.page - window + 1
	}
	v.last, v.hits = a.page, 0
	for p := max(0, left); p < left+window; p++ {
		if p != a.page {
			pages = append(pages, p)
		}
	}
	return pages
}

// leap is Leap (Maruf and Chowdhury, ATC 2020): the majority of the last steps is the trend,
// looked for in a part of the history that doubles until it has one.
type leap struct {
	steps        [leapHistory]int64 // a ring
	seen         int
	last         int64
	hits, window int
	trend        int64 // the last one
}

func (l *leap) fault(a access, hit bool) (pages []int64) {
	step := a.page - l.last
	l.steps[l.seen%leapHistory] = step
	l.seen++
	l.last = a.page
	if hit {
		l.hits++
		return nil
	}
	window := 0
	switch {
	case l.hits > 0:
		window = min(1<<bits.Len(uint(l.hits)), leapWindow)
	case step == l.trend && l.trend != 0:
		window = 1
	}
	l.window, l.hits = max(window, l.window/2), 0
	if trend := l.majority(); trend != 0 {
		l.trend = trend
	}
	if l.trend == 0 {
		return nil
	}
	for i := range int64(l.window) {
		if p := a.page + (i+1)*l.trend; p >= 0 && p < traceDevice {
			pages = append(pages, p)
		}
	}
	return pages
}

// majority is the step that more than half of the last steps were, 0 if there is none. It votes
// as Boyer and Moore do, and then counts.
func (l *leap) majority() int64 {
	for n := leapHistory / leapSplit; n <= leapHistory; n *= 2 {
		n := min(n, l.seen)
		candidate, votes := int64(0), 0
		for i := range n {
			step := l.steps[(l.seen-1-i)%leapHistory]
			switch {
			case votes == 0:
				candidate, votes = step, 1
			case step == candidate:
				votes++
			default:
				votes--
			}
		}
		count := 0
		for i := range n {
			if l.steps[(l.seen-1-i)%leapHistory] == candidate {
				count++
			}
		}
		if 2*count > n {
			return candidate
		}
	}
	return 0
}

// byProcess is Leap with a history for each process.
type byProcess struct{ all map[int]*leap }

func (b *byProcess) fault(a access, hit bool) []int64 {
	l := b.all[a.process]
	if l == nil {
		l = &leap{}
		b.all[a.process] = l
	}
	return l.fault(a, hit)
}
