package ublk

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
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

func TestParamsDescribeASwapDevice(t *testing.T) {
	p := Spec{Size: 1 << 30, MaxDiscard: 64 << 20, WriteCache: true}.WithDefaults().params()
	if p.types != paramBasic|paramDiscard || p.basic.logicalShift != 12 || p.basic.physicalShift != 12 {
		t.Errorf("parameters %+v", p)
	}
	if p.basic.attrs != attrVolatileCache { // and not rotational
		t.Errorf("attributes %#x", p.basic.attrs)
	}
	if p.basic.devSectors != 1<<21 || p.basic.maxSectors != 256 || p.discard.maxSectors != 1<<17 {
		t.Errorf("sizes %+v", p)
	}
	if p := (Spec{Size: 1 << 30}).params(); p.types != paramBasic || p.basic.attrs != 0 {
		t.Errorf("without discard and cache: %+v", p)
	}
}

func TestFlagsHaveNames(t *testing.T) {
	if got := (FlagUserRecovery | FlagNoPartScan | 2).String(); got != "user-recovery,no-part-scan,0x2" {
		t.Error(got)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for errno, want := range map[unix.Errno]error{
		unix.EEXIST: ErrIDTaken, unix.ENODEV: ErrNoDevice, unix.EPERM: ErrPermission, unix.EBUSY: ErrInUse,
		unix.EOPNOTSUPP: ErrFeature, unix.EINVAL: unix.EINVAL,
	} {
		if err := commandError("add", 3, errno); !errors.Is(err, want) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	for errno, want := range map[unix.Errno]error{unix.ENOENT: ErrNoDriver, unix.EACCES: ErrPermission, unix.EIO: unix.EIO} {
		if err := openError(controlPath, errno); !errors.Is(err, want) {
			t.Errorf("%v: %v", errno, err)
		}
	}
}
