package pathmodel

import (
	"fmt"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
)

// way is how one application thread has pages read and written. It belongs to the thread.
type way interface {
	// data is the memory of a page: what is to be written, and what was read.
	data() []byte
	// do reads or writes the page of a number.
	do(op ublk.Op, page int64) error
	close() error
}

// ringWay hands requests to the queue of a farswap device.
type ringWay struct {
	ring   *uring.Ring
	area   *area
	slot   *slot
	page   []byte
	device int32  // the ring of the queue
	data64 uint64 // the message that names the slot
}

// openRingWay opens the way of slot i. The caller's goroutine is locked to its thread.
func openRingWay(a *area, i int, device int32, class uring.Class) (*ringWay, error) {
	// The thread keeps its processor of the runtime: it waits for the kernel alone.
	ring, err := uring.New(uring.Config{Entries: 4, KeepProc: true})
	if err != nil {
		return nil, err
	}
	s, page := a.slot(i)
	return &ringWay{ring: ring, area: a, slot: s, page: page, device: device, data64: class.Data(uint64(i))}, nil
}

func (w *ringWay) data() []byte { return w.page }

func (w *ringWay) do(op ublk.Op, page int64) error {
	w.slot.ask(uint32(op), uint64(page))
	w.ring.SQE().MsgRing(w.device, 0, w.data64)
	// The message has its completion when the call returns: this does not wait.
	if err := w.ring.SubmitAndWait(1, -1); err != nil {
		return err
	}
	if sent, ok := w.ring.Next(); !ok || sent.Res < 0 {
		return fmt.Errorf("hand page %d to the device's queue: result %d", page, sent.Res)
	}
	return w.area.result(w.slot, op, page)
}

// result waits for the answer to a request, and returns an error unless all of the page was moved.
func (a *area) result(s *slot, op ublk.Op, page int64) error {
	res, err := a.await(s)
	if err == nil && res != pageSize {
		err = fmt.Errorf("result %d, want %d bytes", res, pageSize)
	}
	if err != nil {
		return fmt.Errorf("%v of page %d: %w", op, page, err)
	}
	return nil
}

func (w *ringWay) close() error { return w.ring.Close() }
