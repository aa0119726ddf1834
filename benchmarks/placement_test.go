package benchmarks

import (
	"context"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/farswap/farswap/status"
)

func device() status.Device {
	return status.Device{
		Pages:  status.Pages{Both: 30, Backing: 5, None: 65},
		Donors: []status.Donor{{Name: "a", Slabs: 2}, {Name: "b", Slabs: 1}},
		Slabs: []status.Slab{
			{Donor: "a", RemotePages: 10}, {Donor: "b", RemotePages: 15}, {RemotePages: 0}, {Donor: "a", RemotePages: 5},
		},
	}
}

func TestPlacementIsRecorded(t *testing.T) {
	cfg := config()
	cfg.Device = func(context.Context) (status.Device, error) { return device(), nil }
	r, err := RunPaging(context.Background(), cfg, io.Discard)
	want := &Placement{
		Pages:  status.Pages{Both: 30, Backing: 5, None: 65},
		Donors: []DonorPages{{Name: "a", Slabs: 2, Pages: 15}, {Name: "b", Slabs: 1, Pages: 15}},
	}
	if err != nil || !reflect.DeepEqual(r.Placement, want) {
		t.Errorf("%+v, %v", r.Placement, err)
	}
}

func TestUnusedDonorFails(t *testing.T) {
	cfg := config()
	cfg.Device = func(context.Context) (status.Device, error) {
		d := device()
		d.Slabs[1].RemotePages = 0
		return d, nil
	}
	r, err := RunPaging(context.Background(), cfg, io.Discard)
	if !errors.Is(err, ErrUnused) || r.SweptPages != 300 {
		t.Errorf("swept %d, %v", r.SweptPages, err)
	}
}

func TestPlacementUnknown(t *testing.T) {
	cfg := config()
	cfg.Device = func(context.Context) (status.Device, error) { return status.Device{}, status.ErrNoServer }
	r, err := RunPaging(context.Background(), cfg, io.Discard)
	if !errors.Is(err, status.ErrNoServer) || r.SweptPages != 300 || r.Placement != nil {
		t.Errorf("swept %d, %+v, %v", r.SweptPages, r.Placement, err)
	}
}
