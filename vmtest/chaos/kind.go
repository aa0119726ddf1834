package main

// Kind is a kind of fault.
type Kind string

// The kinds of faults.
const (
	DonorKill    Kind = "donor-kill"    // a donor gets SIGKILL, and starts again
	DonorStop    Kind = "donor-stop"    // a donor gets SIGSTOP, then SIGCONT
	DonorMemory  Kind = "donor-memory"  // another program takes the memory of the donors' machine
	DonorUpgrade Kind = "donor-upgrade" // a new process takes a donor's place
	LinkDown     Kind = "link-down"     // the network to both donors is down
	Cut          Kind = "cut"           // a donor's connections are ended, and new ones refused
	Silence      Kind = "silence"       // bytes to and from a donor are held back, then pass
	Delay        Kind = "delay"         // bytes to and from a donor arrive late
	Reorder      Kind = "reorder"       // what travels on a donor's connections arrives in another order among them
	Corrupt      Kind = "corrupt"       // bits of pages to and from a donor are flipped, behind TCP's checksum
	Packets      Kind = "packets"       // packets are lost, come twice, and arrive in another order
	DiskFull     Kind = "disk-full"     // the disk below the backing file has no room for new blocks
	DiskSlow     Kind = "disk-slow"     // the backing file's disk answers late
	DiskFail     Kind = "disk-fail"     // the backing file's disk refuses reads and writes
	Pressure     Kind = "pressure"      // another program takes the memory of the device's machine
	ClockAhead   Kind = "clock-ahead"   // the clock of both machines is set an hour ahead, then right
	ClockBack    Kind = "clock-back"    // the clock of both machines is set an hour back, then right
	ServerStop   Kind = "server-stop"   // the device's server gets SIGSTOP, then SIGCONT
	ServerKill   Kind = "server-kill"   // the device's server gets SIGKILL, or it and its standby; another takes over
	Upgrade      Kind = "upgrade"       // a new process takes the server's place
)

// kinds are all kinds, in the order of reports. Schedules follow from it: a new kind goes to the end.
var kinds = []Kind{
	DonorKill, DonorStop, DonorMemory, DonorUpgrade, LinkDown, Cut, Silence, Delay, Reorder, Corrupt, Packets,
	DiskFull, DiskSlow, DiskFail, Pressure, ClockAhead, ClockBack, ServerStop, ServerKill, Upgrade,
}

// harm is what a fault can do to copies of pages.
type harm struct {
	remote  bool // copies at a donor are lost, or damaged
	backing bool // the backing file lacks copies, or cannot be read
	server  bool // what the server had in memory alone is lost: the backing writes of pages that a donor has
}

// harms are those of the kinds that do harm. The others make pages late.
var harms = map[Kind]harm{
	DonorKill:   {remote: true},
	DonorMemory: {remote: true},
	Corrupt:     {remote: true},
	DiskFull:    {backing: true},
	DiskFail:    {backing: true},
	ServerKill:  {server: true},
}

// mayLose reports whether two faults at the same time can lose pages: one takes copies at donors, and the
// other copies in the backing file, or what was on its way there. docs/faults.md lists these pairs.
func mayLose(a, b Kind) bool {
	x, y := harms[a], harms[b]
	return x.remote && (y.backing || y.server) || y.remote && (x.backing || x.server)
}

// exposure is how many pages have one copy only.
type exposure struct {
	Remote  int64 `json:"remote"`  // at a donor
	Backing int64 `json:"backing"` // in the backing file
}

// mayLoseOf reports whether a single fault can take pages that had one copy when it began.
func (e exposure) mayLoseBy(k Kind) bool {
	h := harms[k]
	return h.remote && e.Remote > 0 || h.backing && e.Backing > 0
}
