package bpf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// Source names what a histogram measures, in the words of package status.
type Source string

// Sources, in the order of the programs' array.
const (
	Fault      Source = "fault"
	SwapIn     Source = "swapin"
	BlockRead  Source = "block_read"
	BlockWrite Source = "block_write"
)

// Sources are all of them.
var Sources = []Source{Fault, SwapIn, BlockRead, BlockWrite}

// hook is a place in the kernel, and the programs that run there.
type hook struct {
	name    string // of the function or tracepoint
	sources []Source
	// programs returns the programs for a kernel, or the reason why there are none.
	programs func(*btf.Spec) ([]string, error)
}

var hooks = []hook{
	{"do_swap_page", []Source{Fault}, function("do_swap_page", objectsProgFarswapFault, objectsProgFarswapFaulted)},
	{"get_swap_device", []Source{Fault, SwapIn}, function("get_swap_device", objectsProgFarswapDevice)},
	{"swap_read_folio", []Source{SwapIn}, swapReadFolio},
	{"block_rq_issue", []Source{BlockRead, BlockWrite}, tracepoint("block_rq_issue", objectsProgFarswapIssue)},
	{"block_rq_complete", []Source{SwapIn, BlockRead, BlockWrite}, tracepoint("block_rq_complete", objectsProgFarswapDone)},
}

// errNoHook means that this kernel lacks a function or tracepoint.
var errNoHook = errors.New("this kernel has no such hook")

func function(name string, programs ...string) func(*btf.Spec) ([]string, error) {
	return func(kernel *btf.Spec) ([]string, error) {
		var f *btf.Func
		if err := kernel.TypeByName(name, &f); err != nil {
			return nil, fmt.Errorf("%w: function %s", errNoHook, name)
		}
		return programs, nil
	}
}

func tracepoint(name, program string) func(*btf.Spec) ([]string, error) {
	return func(kernel *btf.Spec) ([]string, error) {
		var t *btf.Typedef
		if err := kernel.TypeByName("btf_trace_"+name, &t); err != nil {
			return nil, fmt.Errorf("%w: tracepoint %s", errNoHook, name)
		}
		return []string{program}, nil
	}
}

// swapReadFolio chooses the program by the position of the folio among the arguments: the first one before 7.x,
// which puts a context before it.
func swapReadFolio(kernel *btf.Spec) ([]string, error) {
	var f *btf.Func
	if err := kernel.TypeByName("swap_read_folio", &f); err != nil {
		return nil, fmt.Errorf("%w: function swap_read_folio", errNoHook)
	}
	proto, ok := f.Type.(*btf.FuncProto)
	if !ok {
		return nil, fmt.Errorf("%w: swap_read_folio is a %T", errNoHook, f.Type)
	}
	at := slices.IndexFunc(proto.Params, func(p btf.FuncParam) bool {
		pointer, ok := p.Type.(*btf.Pointer)
		return ok && pointer.Target.TypeName() == "folio"
	})
	variants := []string{objectsProgFarswapSwapin0, objectsProgFarswapSwapin1}
	if at < 0 || at >= len(variants) {
		return nil, fmt.Errorf("%w: swap_read_folio with the folio as argument %d", errNoHook, at)
	}
	return variants[at : at+1], nil
}

// Missing is a histogram that this kernel does not allow.
type Missing struct {
	Source Source
	Why    error
}

// coverage lists the hooks that work, and the histograms that are missing without the others.
type coverage struct {
	hooks   []string
	missing []Missing
}

func (c *coverage) have(h hook) { c.hooks = append(c.hooks, h.name) }

// lack stores the first reason for each source.
func (c *coverage) lack(h hook, why error) {
	for _, s := range h.sources {
		if !slices.ContainsFunc(c.missing, func(m Missing) bool { return m.Source == s }) {
			c.missing = append(c.missing, Missing{s, why})
		}
	}
}

// none reports whether no histogram is left.
func (c *coverage) none() bool { return len(c.missing) == len(Sources) }

// Survey finds, from the type information of the running kernel, which hooks exist and which histograms are missing.
// It loads nothing and needs no rights. Without type information the error is ErrUnsupported.
func Survey() (hooksFound []string, missing []Missing, err error) {
	kernel, err := kernelTypes(btf.NewCache())
	if err != nil {
		return nil, nil, err
	}
	var c coverage
	for _, h := range hooks {
		if _, err := h.programs(kernel); err != nil {
			c.lack(h, err)
			continue
		}
		c.have(h)
	}
	return c.hooks, c.missing, nil
}

func kernelTypes(cache *btf.Cache) (*btf.Spec, error) {
	kernel, err := cache.Kernel()
	if err != nil {
		return nil, fmt.Errorf("%w: type information of the kernel (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF): %w", ErrUnsupported, err)
	}
	return kernel, nil
}
