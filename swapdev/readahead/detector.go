package readahead

const (
	// Streams is how many readers are kept apart, those included that have not been proven
	// yet. Of 8 readers that take turns none is forgotten while as many other reads come between.
	Streams = 16
	// MaxStride is the largest step of a stream, in pages. Two reads that lie further apart
	// are not taken for one reader's.
	MaxStride = 64
	// None stands for no stream.
	None = -1

	activeReads  = 4 * Streams // without a read of a stream, after which its reader is not under way
	lengthWeight = 4           // streams that the running mean of their lengths is about
	firstLength  = 16          // steps that a stream is taken to have before one has ended
)

// Span is a number of pages at equal distances.
type Span struct {
	Page  int64 // the first that the reader will come to
	Step  int64 // from each page to the next one; not 0
	Pages int
}

// Detector finds streams in the reads of one queue. Its methods belong to one thread.
type Detector struct {
	device  int64 // pages
	most    int   // pages of a fetch
	buffers int   // that hold a fetch each
	reads   int

	places  [Streams]int64 // where the next read of each stream is looked for; apart, to be gone through fast
	streams [Streams]stream
	hand    int   // the stream that is next asked to make room
	lengths int64 // see usual
	credit  credit
}

// nowhere is further than MaxStride from every page.
const nowhere = -1 << 40

// Init makes the detector for a device of a number of pages, of which up to most are fetched
// at once, into one of a number of buffers. All three are at least 1.
func (d *Detector) Init(device int64, most, buffers int) {
	*d = Detector{device: device, most: most, buffers: buffers, lengths: lengthWeight * firstLength, credit: newCredit()}
	for i := range d.places {
		d.places[i] = nowhere
	}
}

// Read notes that pages from first on are read; pages is at least 1. It returns the stream
// that the read belongs to, for Ahead, and None if it is not part of a proven one.
func (d *Detector) Read(first int64, pages int) int {
	d.reads++
	d.credit.read()
	guess, distance := None, int64(MaxStride+1)
	for i := range d.places {
		off := first - d.places[i]
		if off > MaxStride || off < -MaxStride {
			continue
		}
		s := &d.streams[i]
		if s.proven {
			if gap, ok := s.gapTo(first, int64(pages)); ok {
				s.follow(first, int64(pages), gap, d.most)
				d.aim(i)
				return i
			}
			continue
		}
		// The guess that has expected the read there, or else the nearest one, unless that
		// waits for another place.
		switch step := s.stepTo(first, int64(pages)); {
		case step == 0:
		case step == s.step:
			guess, distance = i, 0
		case s.step == 0 || step == 1 || step == -1:
			if away := max(off, -off); away < distance {
				guess, distance = i, away
			}
		}
	}
	if guess == None {
		d.begin(first, int64(pages))
		return None
	}
	return d.learn(guess, first, int64(pages))
}

// learn takes a read as the next one of a guess, and returns the stream if that proves it.
func (d *Detector) learn(i int, first, pages int64) int {
	s := &d.streams[i]
	s.learn(first, pages)
	if !s.proven {
		d.places[i] = s.place()
		return None
	}
	s.window = min(int(pages), s.widest(d.most))
	d.aim(i)
	return i
}

// aim says how far ahead of its reader a stream is to be fetched: by a window more as soon as
// less than a window is left, but not beyond the usual end of a stream, until the reader is
// beyond that itself.
func (d *Detector) aim(i int) {
	s := &d.streams[i]
	s.chances = min(s.equal, mostChances)
	s.at, s.goal = d.reads, s.lead
	if window := int64(s.window); s.lead == 0 || s.lead < window && d.share() > 1 {
		s.goal += window
	}
	if left := d.usual() - s.length; left >= 0 {
		s.goal = min(s.goal, left)
	}
	d.places[i] = s.place()
}

// share is how many buffers there are for each stream whose reader is under way. A stream that
// has a second one is fetched while its reader is still in the first.
func (d *Detector) share() int {
	active := 0
	for i := range d.streams {
		if s := &d.streams[i]; s.proven && d.reads-s.at < activeReads {
			active++
		}
	}
	return d.buffers / max(1, active)
}

// begin makes a read the first one of a guess, in the place of a stream that has not been
// used for long.
func (d *Detector) begin(first, pages int64) {
	i := d.hand
	for d.streams[i].chances > 0 {
		d.streams[i].chances--
		i = (i + 1) % Streams
		if i == d.hand { // all have one chance less: the oldest goes
			break
		}
	}
	d.hand = (i + 1) % Streams
	if s := &d.streams[i]; s.proven {
		d.lengths += s.length - d.usual()
	}
	d.streams[i] = stream{first: first, pages: pages}
	d.places[i] = first
}

// usual is how many steps a stream has: a running mean of those that have ended.
func (d *Detector) usual() int64 { return d.lengths / lengthWeight }

// Ahead returns what is to be fetched for a stream, which Read has returned: pages of the device,
// and at most as many as Init was told. It is false if that is nothing. Whoever has dealt with the
// span, or with the first pages of it, says so to Took, and may then ask again.
func (d *Detector) Ahead(stream int) (Span, bool) {
	s := &d.streams[stream]
	pages := min(int(s.goal-s.lead), d.most)
	if pages <= 0 {
		return Span{}, false
	}
	page := s.next() + s.lead*s.step
	if page < 0 || page >= d.device {
		return Span{}, false
	}
	left, step := d.device-1-page, s.step // pages between the first one and the end that it goes to
	if step < 0 {
		left, step = page, -step
	}
	if int64(pages-1)*step > left {
		pages = int(left/step) + 1
	}
	pages = d.credit.allow(pages)
	return Span{Page: page, Step: s.step, Pages: pages}, pages > 0
}

// Took notes that the first pages of a span of Ahead are dealt with: they were fetched, or
// need not be.
func (d *Detector) Took(stream, pages int) { d.streams[stream].lead += int64(pages) }

// Fetched notes that pages are on their way.
func (d *Detector) Fetched(pages int) { d.credit.spend(pages) }

// Used notes that a read was answered with pages that had been fetched.
func (d *Detector) Used(pages int) { d.credit.earn(pages) }
