package doctor

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/verbs/rdma"
)

// writeExamination shows the checks, a line each, then the RDMA ports and their
// addresses, then the way to a donor, and a sentence at the end.
func writeExamination(w io.Writer, e examination) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATE\tCHECK\tFOUND")
	for _, c := range e.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.State, c.Name, c.text(" → "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := writePorts(w, e.RDMA); err != nil {
		return err
	}
	if e.For != nil {
		if err := e.For.write(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", e.summary())
	return err
}

func writePorts(w io.Writer, devices []rdma.DeviceInfo) error {
	if len(devices) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nRDMA DEVICE\tDRIVER\tPORT\tSTATE\tLINK\tGID\tADDRESS\tTYPE\tNETDEV\tMTU\tRDMA MTU")
	for _, d := range devices {
		for _, p := range d.Ports {
			head := fmt.Sprintf("%s\t%s\t%d\t%s\t%s", d.Name, human.OrDash(d.Driver), p.Port, human.OrDash(p.State), link(d, p))
			for _, line := range addressLines(d, p) {
				fmt.Fprintf(t, "%s\t%s\n", head, line)
				head = "\t\t\t\t"
			}
		}
	}
	return t.Flush()
}

// link is what a port speaks.
func link(d rdma.DeviceInfo, p rdma.PortInfo) string {
	if d.NodeType == rdma.NodeRNIC {
		return string(rdma.KindIWARP)
	}
	return p.LinkLayer
}

// addressLines are the columns from GID on, a line for each address of a port.
// RoCE has a GID for each, the others have addresses apart from GIDs.
func addressLines(d rdma.DeviceInfo, p rdma.PortInfo) []string {
	mtus := map[string]int{}
	for _, n := range p.Netdevs {
		mtus[n.Name] = n.MTU
	}
	roce := link(d, p) == rdma.LinkEthernet
	var lines []string
	for _, g := range p.GIDs {
		mtu, rdmaMTU, kind := "-", "-", human.OrDash(g.Type)
		if n := mtus[g.Netdev]; n > 0 && roce {
			mtu, rdmaMTU = fmt.Sprint(n), fmt.Sprint(rdma.RoCEMTU(n))
		}
		if !roce {
			kind = "-"
		}
		lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s", g.Index, g.GID, kind, human.OrDash(g.Netdev), mtu, rdmaMTU))
	}
	if !roce {
		for _, n := range p.Netdevs {
			for _, a := range n.Addresses {
				lines = append(lines, fmt.Sprintf("-\t%s\t-\t%s\t%d\t-", a, n.Name, n.MTU))
			}
		}
	}
	if len(lines) == 0 {
		lines = []string{"-\t-\t-\t-\t-\t-"}
	}
	return lines
}

func (w *way) write(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	address := w.Address.String() + ", not contacted"
	if w.Donor == w.Address.String() {
		address = "not contacted"
	}
	fmt.Fprintf(t, "\nTO %s\t%s\n", w.Donor, address)
	fmt.Fprintf(t, "route\tfrom %s on %s\n", w.Local, human.OrDash(w.Netdev))
	if c := w.RDMA; c != nil {
		mtu := "MTU of the path"
		if c.MTU > 0 {
			mtu = fmt.Sprintf("MTU %d", c.MTU)
		}
		from := ""
		if c.Local != w.Local {
			from = fmt.Sprintf(" from %s", c.Local)
		}
		fmt.Fprintf(t, "RDMA\t%s port %d, GID %d, %s%s, %s: %s\n", c.Device, c.Port, c.GID.Index, c.Kind, from, mtu, c.Reason)
	} else {
		fmt.Fprintf(t, "RDMA\tno: %s\n", w.NoRDMA)
	}
	fmt.Fprintf(t, "auto\t%s: %s\n", w.Transport, w.Reason)
	return t.Flush()
}
