package ublk

import (
	"errors"
	"runtime"
	"testing"
)

func TestSpecIsChecked(t *testing.T) {
	good := Spec{ID: -1, Size: 1 << 30}.WithDefaults()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Spec){
		"id":             func(s *Spec) { s.ID = -2 },
		"no size":        func(s *Spec) { s.Size = 0 },
		"negative size":  func(s *Spec) { s.Size = -4096 },
		"odd size":       func(s *Spec) { s.Size++ },
		"no queue":       func(s *Spec) { s.Queues = -1 },
		"many queues":    func(s *Spec) { s.Queues = runtime.NumCPU() + 1 },
		"depth":          func(s *Spec) { s.Depth = MaxQueueDepth + 1 },
		"negative depth": func(s *Spec) { s.Depth = -1 },
		"small I/O":      func(s *Spec) { s.MaxIO = 2048 },
		"odd I/O":        func(s *Spec) { s.MaxIO = 12288 },
		"large I/O":      func(s *Spec) { s.MaxIO = 64 << 20 },
		"spare":          func(s *Spec) { s.Spare = -1 },
		"odd discard":    func(s *Spec) { s.MaxDiscard = 4097 },
		"large discard":  func(s *Spec) { s.MaxDiscard = 2 << 30 },
	} {
		s := good
		spoil(&s)
		if err := s.Validate(); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBlockSizesAreChecked(t *testing.T) {
	good := Spec{ID: -1, Size: 1 << 30}
	for name, spec := range map[string]Spec{
		"sectors":       {BlockSize: 512},
		"a 4Kn disk":    {BlockSize: 4096, PhysicalBlock: 4096},
		"a 512e disk":   {BlockSize: 512, PhysicalBlock: 4096},
		"an array":      {BlockSize: 512, PhysicalBlock: 4096, IOMin: 64 << 10, IOOpt: 1 << 20},
		"odd sectors":   {BlockSize: 512, Size: 512 * 7},
		"its own clock": {Recovery: RecoverFailIO, Scheduler: "mq-deadline"},
	} {
		spec.ID, spec.Size = good.ID, max(spec.Size, 1<<20)
		if err := spec.WithDefaults().Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spec := range map[string]Spec{
		"small":                    {BlockSize: 256},
		"no power":                 {BlockSize: 1536},
		"above a page":             {BlockSize: 1 << 20},
		"physical below logical":   {BlockSize: 4096, PhysicalBlock: 512},
		"minimum below physical":   {PhysicalBlock: 8192, IOMin: 4096},
		"optimum below minimum":    {IOMin: 65536, IOOpt: 4096},
		"optimum beyond requests":  {IOOpt: 64 << 20},
		"size of no blocks":        {BlockSize: 4096, Size: 512},
		"discard of no blocks":     {BlockSize: 4096, MaxDiscard: 512},
		"scheduler that is a path": {Scheduler: "../../x"},
		"recovery of no kind":      {Recovery: 9},
	} {
		if spec.Size == 0 {
			spec.Size = 1 << 30
		}
		if err := spec.WithDefaults().Validate(); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParamsSayWhatIsWanted(t *testing.T) {
	p := Spec{Size: 1 << 30, MaxDiscard: 64 << 20, WriteCache: true}.WithDefaults().params()
	if p.types != paramBasic|paramDiscard || p.basic.logicalShift != 12 || p.basic.physicalShift != 12 {
		t.Errorf("parameters %+v", p)
	}
	if p.basic.attrs != attrVolatileCache { // and not rotational
		t.Errorf("attributes %#x", p.basic.attrs)
	}
	if p.basic.devSectors != 1<<21 || p.basic.maxSectors != 256 || p.discard.maxSectors != 1<<17 || p.discard.granularity != 4096 {
		t.Errorf("sizes %+v", p)
	}
	p = Spec{Size: 1 << 30, Rotational: true, BlockSize: 512, PhysicalBlock: 4096, IOMin: 8192, IOOpt: 1 << 20}.WithDefaults().params()
	if p.types != paramBasic || p.basic.attrs != attrRotational {
		t.Errorf("without discard and cache: %+v", p)
	}
	if got, want := [4]uint8{p.basic.logicalShift, p.basic.physicalShift, p.basic.ioMinShift, p.basic.ioOptShift}, [4]uint8{9, 12, 13, 20}; got != want {
		t.Errorf("shifts %v, want %v", got, want)
	}
}

// The driver is asked for what the specification says, and nothing else is demanded.
func TestRecoveryIsAChoice(t *testing.T) {
	for recovery, want := range map[Recovery]string{
		RecoverNone: "ioctl-encode", RecoverQueue: "user-recovery,ioctl-encode", RecoverReissue: "user-recovery,reissue,ioctl-encode",
		RecoverFailIO: "user-recovery,ioctl-encode,recovery-fail-io",
	} {
		if got := (Spec{Recovery: recovery}).Features().String(); got != want {
			t.Errorf("recovery %d: %s, want %s", recovery, got, want)
		}
	}
	if got := (Spec{}).wished(); got&FlagNoPartScan != 0 {
		t.Errorf("wished %v: nobody said no to partitions", got)
	}
	if got := (Spec{NoPartScan: true}).wished(); got&FlagNoPartScan == 0 {
		t.Errorf("wished %v: partitions are not wanted", got)
	}
}
