package slabmap

// Places counts pages by the places of their copies. Each page is in one field.
type Places struct {
	Remote  int64 // on a donor only
	Backing int64 // in the backing file only, or on the way to it with no other copy
	Both    int64
	None    int64 // never written, or discarded
	Lost    int64 // written, and without a copy
}

// Count counts the pages of the device. It looks at every page, so it is for status and not for the data path.
func (m *Map) Count() Places {
	var sum Places
	for i := range m.slabs {
		sum.add(m.CountSlab(i))
	}
	return sum
}

// CountSlab counts the pages of slab.
func (m *Map) CountSlab(slab int) Places {
	n, _ := m.countSlab(slab)
	return n
}

// countSlab also returns the slab's word from before the count.
func (m *Map) countSlab(slab int) (Places, slabWord) {
	word := &m.slabs[slab].word
	s := slabWord(word.Load())
	first, end := m.geometry.PageRange(slab)
	var n Places
	for i := range m.pages[first:end] {
		w := pageWord(m.pages[first+int64(i)].Load())
		if w == 0 { // most of a new device
			n.None++
			continue
		}
		n.count(w, w.remoteIn(s))
	}
	if slabWord(word.Load()) == s {
		return n, s
	}
	n = Places{} // the count may have compared new pages with an old epoch
	for p := first; p < end; p++ {
		v := m.Look(p)
		n.count(v.word, v.Place&Remote != 0)
	}
	return n, s
}

// count counts a page by its word. remote says whether its remote copy is valid.
func (p *Places) count(w pageWord, remote bool) {
	switch {
	case remote && w&flagBacking != 0:
		p.Both++
	case remote:
		p.Remote++
	case w&(flagBacking|flagPending) != 0:
		p.Backing++
	case w&flagRemote != 0:
		p.Lost++
	default:
		p.None++
	}
}

func (p *Places) add(q Places) {
	p.Remote += q.Remote
	p.Backing += q.Backing
	p.Both += q.Both
	p.None += q.None
	p.Lost += q.Lost
}
