package readahead

const (
	proof       = 2  // equal steps that prove a stream with gaps; without gaps one step does
	mostChances = 4  // replacements that a stream survives without a read
	mostStrided = 16 // pages of a window with gaps: each one is fetched by an operation of its own
)

// stream is a reader that goes through the device at a constant step. Until that is proven it
// is a guess.
type stream struct {
	first   int64 // page of the last read
	pages   int64 // of the last read
	step    int64 // 0: one read was seen
	equal   int   // equal steps seen
	proven  bool
	skipped bool  // the last read came after a gap
	chances int   // see mostChances
	length  int64 // steps that the reader has come
	window  int   // pages of the next fetch
	lead    int64 // steps beyond the last read that were dealt with
	goal    int64 // lead that is wanted
	at      int   // the last read, counted from the detector's first one
}

// stepTo is the step from a guess's last read to another one, 0 if there is none: 1 and -1
// from neighbour to neighbour, and any other one between reads of one page.
func (s *stream) stepTo(first, pages int64) int64 {
	switch {
	case first == s.first+s.pages:
		return 1
	case first+pages == s.first:
		return -1
	case pages == 1 && s.pages == 1:
		return first - s.first
	}
	return 0
}

// learn takes a read as the next one of a guess. It may prove it.
func (s *stream) learn(first, pages int64) {
	if step := s.stepTo(first, pages); step == s.step {
		s.equal++
	} else {
		s.step, s.equal, s.length = step, 1, s.pages
	}
	s.first, s.pages, s.chances = first, pages, 1
	s.length += pages
	s.proven = s.equal >= proof || s.step == 1 || s.step == -1
}

// gapTo is how many steps of a proven stream a read skips, negative if it begins before the
// place where the last one ended. It is false if the read is not of this stream. Pages that are
// still in memory are skipped; a longer gap is another reader's, and gap after gap another step.
func (s *stream) gapTo(first, pages int64) (gap int64, ok bool) {
	switch s.step {
	case 1:
		gap = first - (s.first + s.pages)
	case -1:
		gap = s.first - (first + pages)
	default:
		if first == s.first+2*s.step {
			gap = 1
		} else if first != s.first+s.step {
			return 0, false
		}
		return gap, pages == 1 && !(s.skipped && gap > 0)
	}
	return gap, gap <= pages && gap > -pages && !(s.skipped && gap > 0)
}

// follow takes a read as the next one of a proven stream, a number of steps after where it was
// expected.
func (s *stream) follow(first, pages, gap int64, most int) {
	hit := s.lead > max(gap, 0)
	s.lead = max(0, s.lead-gap-pages)
	s.length += gap + pages
	s.first, s.pages = first, pages
	s.equal++
	if s.skipped = gap > 0; s.skipped {
		s.window = max(1, s.window/2)
	}
	// A window and what is left of the one before are never more than the reader has come.
	if hit && s.lead < int64(s.window) && 4*int64(s.window) <= s.length {
		s.window = min(2*s.window, s.widest(most))
	}
}

// widest is the largest window, of most pages in one fetch.
func (s *stream) widest(most int) int {
	if s.step == 1 || s.step == -1 {
		return most
	}
	return min(most, mostStrided)
}

// next is the page after those of the last read.
func (s *stream) next() int64 {
	switch s.step {
	case 1:
		return s.first + s.pages
	case -1:
		return s.first - 1
	}
	return s.first + s.step
}

// place is about where the next read begins.
func (s *stream) place() int64 {
	switch {
	case !s.proven:
		return s.first
	case s.step == -1:
		return s.first - s.pages
	}
	return s.next()
}
