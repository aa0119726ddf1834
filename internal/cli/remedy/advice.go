package remedy

import (
	"fmt"
	"strings"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
)

// Advice is what is the matter with a device, and what helps. Both are empty for a device that is
// well.
type Advice struct {
	Note string // what is the matter, and what is lost
	Do   string // what to do, with a command where one helps, and what remains after it
}

// String is both in one line.
func (a Advice) String() string {
	if a.Do == "" {
		return a.Note
	}
	return a.Note + ": " + a.Do
}

// Advice says what helps the device.
func (f Facts) Advice() Advice {
	switch {
	case f.Server, !f.Ours && (f.Kernel == Served || f.Kernel == Unknown):
		return Advice{}
	case f.Kernel == Unknown:
		return Advice{"its server is gone, and the driver does not tell more", "run this as root to see what helps"}
	case f.Kernel == Absent && f.Ours:
		return Advice{"only its state folder is left", f.del("removes it")}
	case f.Kernel == Absent:
		return Advice{}
	case f.Kernel == Served:
		return Advice{"a process serves it that does not hold its state folder", "end that process first"}
	case f.Kernel == Stopped:
		return f.stopped()
	case !f.Ours:
		return Advice{"another program made it, and its server is gone", "that program may take it up again; " + f.force("removes it all the same")}
	case len(f.Uses) == 0:
		return Advice{"its server is gone, and nothing uses it", f.del("removes it")}
	case f.Kept:
		return Advice{f.gone("no page is lost"), fmt.Sprintf("`farswap ublk recover %d` starts another server for it", f.ID)}
	case len(f.Swap) > 0 && f.Pages() == 0:
		return Advice{f.gone("it is swap, but no page is on it"), f.force("takes swap off and removes it; nothing is lost")}
	case len(f.Swap) > 0:
		return Advice{
			f.gone(human.Bytes(f.Pages()) + " of swap on it are lost. Programs that need a page of it wait, and swapoff does not end"),
			"end the programs that you can end, then " + f.force("ends the wait: it takes swap off, removes the device, and a program that needs a lost page gets SIGBUS"),
		}
	default:
		return Advice{f.gone("what is on it is lost"), f.force("makes its I/O fail") + "; then " + f.Others() + ", and the number is free again"}
	}
}

// stopped is about a device whose block device is gone.
func (f Facts) stopped() Advice {
	const note = "its server is gone, and so is its block device"
	switch {
	case len(f.Uses) == 0 && f.Ours:
		return Advice{note, f.del("removes what is left")}
	case len(f.Uses) == 0:
		return Advice{"it has no block device, and no server", f.force("removes it")}
	case len(f.Swap) > 0:
		// swapoff(2) finds an area by its device's node alone.
		return Advice{
			note + ", but it still is swap: the pages on it are lost, and nothing can take this swap off any more",
			"restart the machine when it suits, and use another number until then",
		}
	default:
		return Advice{note + ", but it is still used", f.Others() + ", then " + f.del("removes what is left")}
	}
}

// gone says what the end of the server means for I/O.
func (f Facts) gone(more string) string {
	io := "its I/O waits"
	if f.Kernel == Failing {
		io = "its I/O fails"
	}
	return "its server is gone, and " + io + "; " + more
}

func (f Facts) del(what string) string { return fmt.Sprintf("`farswap ublk del %d` %s", f.ID, what) }

func (f Facts) force(what string) string {
	return fmt.Sprintf("`farswap ublk del --force %d` %s", f.ID, what)
}

// Others says how to end the uses of a dead device other than swap, empty if there are none.
func (f Facts) Others() string {
	var steps []string
	for _, u := range f.Uses {
		switch u.Kind {
		case inuse.Swap:
		case inuse.Mount:
			steps = append(steps, fmt.Sprintf("`umount %s`", u.Where))
		default:
			steps = append(steps, "remove "+u.Where)
		}
	}
	return strings.Join(steps, ", ")
}
