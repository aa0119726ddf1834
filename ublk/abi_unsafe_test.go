package ublk

import (
	"testing"
	"unsafe"
)

func TestLayoutsAreTheKernels(t *testing.T) {
	for name, got := range map[string][2]uintptr{
		"ctrl_cmd":     {unsafe.Sizeof(ctrlCmd{}), ctrlCmdSize},
		"dev_info":     {unsafe.Sizeof(DevInfo{}), devInfoSize},
		"io_desc":      {unsafe.Sizeof(rawDesc{}), ioDescSize},
		"io_cmd":       {unsafe.Sizeof(ioCmd{}), ioCmdSize},
		"basic at":     {unsafe.Offsetof(params{}.basic), 8},
		"discard at":   {unsafe.Offsetof(params{}.discard), 40},
		"flags at":     {unsafe.Offsetof(DevInfo{}.Flags), 24},
		"owner uid at": {unsafe.Offsetof(DevInfo{}.OwnerUID), 40},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d, want %d", name, got[0], got[1])
		}
	}
	for name, got := range map[string][2]uint32{
		"ADD_DEV":   {cmdAdd, 0xc0207504},
		"GET_INFO":  {cmdGetInfo, 0x80207502},
		"FETCH_REQ": {ioFetch, 0xc0107520},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %#x, want %#x", name, got[0], got[1])
		}
	}
}
