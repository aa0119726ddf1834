package ublk

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFlagsHaveNames(t *testing.T) {
	if got := (FlagUserRecovery | FlagNoPartScan | 2).String(); got != "user-recovery,no-part-scan,0x2" {
		t.Error(got)
	}
}

func TestErrorsSayWhatTheyMean(t *testing.T) {
	for errno, want := range map[unix.Errno]error{
		unix.EEXIST: ErrIDTaken, unix.ENODEV: ErrNoDevice, unix.EPERM: ErrPermission, unix.EBUSY: ErrInUse,
		unix.EOPNOTSUPP: ErrUnsupported, unix.EINVAL: unix.EINVAL,
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

// What is lacking is named, with the version of Linux that has all of it.
func TestUnsupportedFeaturesNameTheKernel(t *testing.T) {
	have := FlagIoctlEncode | FlagUserRecovery
	for need, want := range map[Flags]UnsupportedError{
		FlagUserRecoveryReissue | FlagUserRecovery:                      {"reissue", "6.1"},
		FlagUserRecovery | FlagRecoveryFailIO | FlagUserRecoveryReissue: {"reissue,recovery-fail-io", "6.13"},
		FlagRecoveryFailIO | FlagNoPartScan:                             {"recovery-fail-io,no-part-scan", "7.0"},
	} {
		err := fmt.Errorf("add: %w", have.lacking(need))
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || *unsupported != want || !errors.Is(err, ErrUnsupported) {
			t.Errorf("%v: %v, want %+v", need, err, want)
			continue
		}
		if text := err.Error(); !strings.Contains(text, want.Feature) || !strings.Contains(text, "Linux "+want.Kernel) {
			t.Errorf("%v: %s", need, text)
		}
	}
	if err := have.lacking(FlagUserRecovery); err != nil {
		t.Error(err)
	}
}

// Probe says yes, or no for a reason that its comment names. What it says on a kernel with the
// driver is tested there.
func TestProbe(t *testing.T) {
	err := Probe(FlagIoctlEncode)
	if err != nil && !errors.Is(err, ErrNoDriver) && !errors.Is(err, ErrPermission) && !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

func TestSchedulerIsRead(t *testing.T) {
	for list, want := range map[string]string{"none [mq-deadline] bfq\n": "mq-deadline", "[none]\n": "none", "none\n": ""} {
		if got := chosen(list); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}
