package evict

// Sample is the machine, or the cgroup that the donor runs in, at one moment.
type Sample struct {
	Available, Total int64 // bytes: MemAvailable and MemTotal, or the cgroup's
	// Stall is the share of the last second, 0 to 1, in which some task waited
	// for memory: the growth of "some" in PSI.
	Stall float64
}

// Lent is the memory that the donor has taken from the machine, in bytes.
type Lent struct {
	Prepared  int64 // ready to be mapped
	Mapped    int64 // held by devices, Returning included
	Returning int64 // part of Mapped: the donor has asked it back and does not have it yet
	Limit     int64 // most that the donor may lend, prepared slabs included
	SlabSize  int64 // unit of Plan; devices may hold slabs of other sizes
	Ahead     int64 // that Prepared should reach
}

// taken is the memory that the donor has taken from the machine.
func (l Lent) taken() int64 { return l.Prepared + l.Mapped }

// most is the largest amount of bytes that the package accepts, so that sums cannot overflow.
const most = 1 << 60

// bounded returns the nearest amount of memory to n.
func bounded(n int64) int64 { return min(max(n, 0), most) }

// sane replaces impossible figures in l by the nearest possible ones.
func (l Lent) sane() Lent {
	return Lent{
		Prepared:  bounded(l.Prepared),
		Mapped:    bounded(l.Mapped),
		Returning: min(bounded(l.Returning), bounded(l.Mapped)),
		Limit:     bounded(l.Limit),
		SlabSize:  max(bounded(l.SlabSize), 1),
		Ahead:     bounded(l.Ahead),
	}
}

// Plan is what the donor does until the next Tick. The amounts are in bytes and multiples of
// Lent.SlabSize; Release and Evict may also be all that there is. Prepare is 0 unless the other two are.
type Plan struct {
	Prepare int64 // to take from the machine ahead of need
	Release int64 // prepared memory to give back
	Evict   int64 // mapped memory to take back from devices
	Urgent  bool  // a real shortage: give up what delays Release and Evict
	Hurry   bool  // a real shortage until the memory in Returning comes: make its return urgent
	// Available is the smoothed available memory, at least 0.
	Available int64
}

// down and up round n, which is not negative, to a multiple of slab.
func down(n, slab int64) int64 { return n / slab * slab }

func up(n, slab int64) int64 {
	if rest := n % slab; rest != 0 {
		return n - rest + slab
	}
	return n
}
