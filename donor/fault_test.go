package donor

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

var errFault = errors.New("injected fault")

// faultyServer fails the operations that its switches name.
type faultyServer struct {
	verbs.Server
	admit, register, deregister atomic.Bool
}

func (f *faultyServer) Admit(c verbs.Credential) error {
	if f.admit.Load() {
		return errFault
	}
	return f.Server.Admit(c)
}

func (f *faultyServer) Register(s verbs.SessionID, mem []byte) (verbs.Grant, error) {
	if f.register.Load() {
		return verbs.Grant{}, errFault
	}
	return f.Server.Register(s, mem)
}

func (f *faultyServer) Deregister(s verbs.SessionID, k verbs.Key) error {
	if f.deregister.Load() {
		return errFault
	}
	return f.Server.Deregister(s, k)
}

func TestFailedAdmitLeavesNothing(t *testing.T) {
	f := &faultyServer{}
	d := lendThrough(t, testConfig(), f)
	f.admit.Store(true)
	cfg := dialConfig(control.NewUUID())
	if _, err := control.Dial(t.Context(), d.Addr(), cfg); !errors.Is(err, control.ErrInternal) {
		t.Errorf("dial: %v", err)
	}
	d.mu.Lock()
	if len(d.devices) != 0 {
		t.Errorf("%d devices are known", len(d.devices))
	}
	d.mu.Unlock()
	f.admit.Store(false)
	dial(t, d, cfg)
}

func TestFailedMapLeavesNothing(t *testing.T) {
	f := &faultyServer{}
	d := lendThrough(t, testConfig(), f)
	s := dial(t, d, dialConfig(control.NewUUID()))
	f.register.Store(true)
	for range 2 * 8 { // twice what there is
		if _, err := s.Map(t.Context(), 1, slabSize, false, ""); !errors.Is(err, control.ErrInternal) {
			t.Errorf("map: %v", err)
		}
	}
	if st := d.Status(); st.Memory.Mapped != 0 || st.Sessions[0].Slabs != 0 {
		t.Errorf("status %+v", st)
	}
	f.register.Store(false)
	mapSlab(t, s, 1, false)
}

// TestFailedUnmapFreesNothing: the donor does not free a slab that the device may still reach. It
// ends the session, which revokes the keys.
func TestFailedUnmapFreesNothing(t *testing.T) {
	f := &faultyServer{}
	d := lendThrough(t, testConfig(), f)
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	key := mapSlab(t, s, 1, false)
	r := newReach(t)
	qp := r.connect(s)
	if st := r.write(qp, key, 0, 5); st != verbs.StatusOK {
		t.Fatal(st)
	}
	f.deregister.Store(true)
	if err := s.Unmap(t.Context(), 1); err == nil {
		t.Error("unmapped")
	}
	<-s.Done()
	eventually(t, "the slab is held", func() bool { return len(d.Status().Leases) == 1 })
	if st := r.do(qp, verbs.OpRead, key, 0); st == verbs.StatusOK {
		t.Error("the key outlived the session")
	}
	s = dial(t, d, dialConfig(uuid))
	r.wantPage(r.connect(s), mapSlab(t, s, 1, true), 0, 5)
}

func TestFailedClaimKeepsTheSlab(t *testing.T) {
	f := &faultyServer{}
	d := lendThrough(t, testConfig(), f)
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	mapSlab(t, s, 1, false)
	_ = s.Close()
	s = dial(t, d, dialConfig(uuid))
	f.register.Store(true)
	if _, err := s.Map(t.Context(), 1, slabSize, true, ""); !errors.Is(err, control.ErrInternal) {
		t.Errorf("claim: %v", err)
	}
	f.register.Store(false)
	mapSlab(t, s, 1, true)
}
