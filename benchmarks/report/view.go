package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/internal/human"
)

// view is a result file in the form that all formats show.
type view struct {
	Title     string
	Facts     []fact // machine, program, plan
	Command   string
	Unmet     string // what is missing of the plan; empty if the plan was run to its end
	Workloads []workloadView
	Failures  []note // and disturbances
}

type fact struct{ Name, Value string }

type note struct{ Where, What string }

type workloadView struct {
	Name    string
	Peak    string
	Metrics []metricView
	Costs   []harness.Cost
}

type metricView struct {
	Name, Unit, Better string
	Rows               []harness.Row
}

func newView(f harness.File) view {
	v := view{Title: "farswap bench", Facts: facts(f), Command: f.Command}
	if lacking := len(f.Plan.Steps()) - len(f.Runs); lacking > 0 {
		v.Unmet = fmt.Sprintf("%d of %s are missing: the plan was not run to its end", lacking, count(len(f.Plan.Steps()), "run"))
	}
	for _, name := range f.Plan.Workloads {
		w := workloadView{Name: name}
		for _, p := range f.Peaks {
			switch {
			case p.Workload != name:
			case p.Failed != "":
				v.Failures = append(v.Failures, note{name + ", its peak", p.Failed})
			default:
				w.Peak = human.Bytes(p.Bytes)
				if p.File > p.Bytes/50 {
					w.Peak += ", of which page cache at the end " + human.Bytes(p.File)
				}
			}
		}
		for _, r := range f.Rows {
			if r.Workload == name {
				w.add(r)
			}
		}
		for _, c := range f.Costs {
			if c.Workload != name {
				continue
			}
			w.Costs = append(w.Costs, c)
			for _, reason := range c.Reasons {
				v.Failures = append(v.Failures, note{c.Cell.String(), reason})
			}
		}
		if len(w.Costs) > 0 || w.Peak != "" {
			v.Workloads = append(v.Workloads, w)
		}
	}
	return v
}

func (w *workloadView) add(r harness.Row) {
	i := slices.IndexFunc(w.Metrics, func(m metricView) bool { return m.Name == r.Metric })
	if i < 0 {
		i = len(w.Metrics)
		better := "less is better"
		if r.Higher {
			better = "more is better"
		}
		w.Metrics = append(w.Metrics, metricView{Name: r.Metric, Unit: r.Unit, Better: better})
	}
	w.Metrics[i].Rows = append(w.Metrics[i].Rows, r)
}

func facts(f harness.File) []fact {
	e, p := f.Environment, f.Plan
	machine := fmt.Sprintf("%s, %s, %s", e.CPU, count(e.CPUs, "processor"), human.Bytes(e.Memory)+"iB")
	if e.Product != "" {
		machine = e.Product + ", " + machine
	}
	if e.Virtualised {
		machine += ", virtual"
	}
	program := e.Program.Version
	if e.Program.Commit != "" {
		program += ", commit " + e.Program.Commit
	} else {
		program += ", build " + e.Program.Build
	}
	swaps := "none"
	if len(e.OtherSwaps) > 0 {
		swaps = strings.Join(e.OtherSwaps, ", ")
	}
	return []fact{
		{"Machine", machine},
		{"Kernel", e.Kernel + ", " + e.Architecture},
		{"farswap", program},
		{"Settings", fmt.Sprintf("transparent huge pages %s, page-cluster %s, swappiness %s, governor %s, zswap %s, other swap %s",
			e.THP, e.PageCluster, e.Swappiness, e.Governor, e.Zswap, swaps)},
		{"Plan", fmt.Sprintf("%s a cell after %s, size %s, servers loaded for %v", count(p.Runs, "run"), count(p.Warmup, "warm-up"), p.Size, p.Duration.Duration())},
		{"Begun", f.Started.Format(time.RFC3339)},
	}
}

// who returns a row's limit and backend.
func who(c harness.Cell) (limit, backend string) {
	if c.Backend == harness.Reference {
		return "none", "in memory"
	}
	return c.Limit.String(), c.Backend
}

// against returns a row's ratio with its interval, and the verdict.
func against(r *harness.Ratio) (ratio, verdict string) {
	if r == nil {
		return missing, ""
	}
	return fmt.Sprintf("%s (%s to %s)", times(r.Value), bare(r.Low), bare(r.High)), string(r.Verdict)
}

// runs writes a row's number of runs, and how many of them were disturbed or failed.
func runs(good, disturbed, failed int) string {
	s := fmt.Sprint(good)
	if disturbed > 0 {
		s += fmt.Sprintf(", %d disturbed", disturbed)
	}
	if failed > 0 {
		s += fmt.Sprintf(", %d failed", failed)
	}
	return s
}
