package main

import (
	"testing"
	"time"
)

func TestKernelErrors(t *testing.T) {
	for record, want := range map[string]bool{
		"3,812,154339424,-;I/O error, dev ublkb0, sector 85600 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2\n": true,
		"3,813,154340103,-;Read-error on swap-device (259:0:85600)\n":                                             true,
		"3,813,154340103,-;Write-error on swap-device (259:0:85600)\n":                                            true,
		"3,814,1,-;Buffer I/O error on dev ublkb0, logical block 3, async page read\n SUBSYSTEM=block\n":          true,
		"3,815,1,-;critical space allocation error, dev ublkb0, sector 8\n":                                       true,
		"3,816,1,-;I/O error, dev loop0, sector 85600 op 0x1:(WRITE) flags 0x0\n":                                 false, // the disk below
		"6,817,1,-;Adding 65532k swap on /dev/ublkb0.  Priority:-2 extents:1\n":                                   false,
	} {
		line, ok := parseKernel(record)
		if !ok || ioError.MatchString(line.Text) != want {
			t.Errorf("%q: read %t, %+v, want an error: %t", record, ok, line, want)
		}
	}
	if line, _ := parseKernel("3,812,154339424,-;text\n"); line.At != 154339424*time.Microsecond {
		t.Errorf("%+v", line)
	}
	for _, bad := range []string{"", "3,1;text", "3,1,x,-;text"} {
		if _, ok := parseKernel(bad); ok {
			t.Errorf("%q is read", bad)
		}
	}
}
