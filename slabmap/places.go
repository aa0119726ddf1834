package slabmap

// Places counts pages by where they are. Each page is in one field.
type Places struct {
	Remote  int64 // on a donor only
	Backing int64 // in the backing file only, or on the way to it with no other copy
	Both    int64
	None    int64 // never written, or discarded
	Lost    int64 // written, and no copy left
}

// Count counts the pages of the device. It looks at every page: for status,
// not for the data path.
func (m *Map) Count() Places {
	var sum Places
	for i := range m.slabs {
		sum.add(m.CountSlab(i))
	}
	return sum
}

// CountSlab counts the pages of slab.
func (m *Map) CountSlab(slab int) Places {
	var n Places
	first, end := m.geometry.PageRange(slab)
	for p := first; p < end; p++ {
		switch v := m.Look(p); {
		case v.Place == Remote|Backing:
			n.Both++
		case v.Place == Remote:
			n.Remote++
		case v.Place == Backing, v.Pending:
			n.Backing++
		case v.Lost:
			n.Lost++
		default:
			n.None++
		}
	}
	return n
}

func (p *Places) add(q Places) {
	p.Remote += q.Remote
	p.Backing += q.Backing
	p.Both += q.Both
	p.None += q.None
	p.Lost += q.Lost
}
