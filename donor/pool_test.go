package donor

import (
	"context"
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
)

// testStore is the memory of pools without a donor. It ends with the process.
var testStore = func() *offheap.Store {
	s, err := offheap.NewStore("test")
	if err != nil {
		panic(err)
	}
	return s
}()

const page = 4096 // stands for a slab, so that many are cheap

func checkPool(t interface{ Fatalf(string, ...any) }, p *pool, held int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ready int64
	for _, r := range p.ready {
		ready += int64(len(r.mem))
	}
	if p.taken > p.limit || p.mapped != held || p.taken != held+ready {
		t.Fatalf("limit %d: taken %d, mapped %d, ready %d; held %d", p.limit, p.taken, p.mapped, ready, held)
	}
}

// TestPoolHistories runs random gets, puts and preparing steps: the limit holds,
// memory is zero, and a get fails only when devices hold too much.
func TestPoolHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := int64(rapid.IntRange(1, 12).Draw(t, "limit")) * page
		p := newPool(limit, rapid.IntRange(0, 4).Draw(t, "ahead"), testStore, offheap.Options{})
		p.size = page
		a := newAccount() // of a server that every other slab is lent over
		p.prepared = a.prepare
		p.unmapped = func(mem []byte) error {
			if a.prepared[&mem[0]] {
				a.forget(mem)
			}
			return nil
		}
		var mine [][]byte
		var held int64
		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) {
				size := page << rapid.IntRange(0, 3).Draw(t, "size")
				mem, err := p.get(context.Background(), size)
				if fits := held+int64(size) <= limit; fits != (err == nil) {
					t.Fatalf("get %d with %d of %d held: %v", size, held, limit, err)
				}
				if err != nil {
					if !errors.Is(err, control.ErrNoMemory) {
						t.Fatalf("%v", err)
					}
					return
				}
				if len(mem) != size {
					t.Fatalf("got %d of %d bytes", len(mem), size)
				}
				for i := range mem {
					if mem[i] != 0 {
						t.Fatalf("byte %d of fresh memory is %d", i, mem[i])
					}
					mem[i] = 0xff
				}
				if len(mine)%2 == 0 {
					a.register(mem)
				}
				mine, held = append(mine, mem), held+int64(size)
			},
			"put": func(t *rapid.T) {
				if len(mine) == 0 {
					t.Skip("nothing held")
				}
				i := rapid.IntRange(0, len(mine)-1).Draw(t, "which")
				held -= int64(len(mine[i]))
				if err := p.put(mine[i]); err != nil {
					t.Fatalf("%v", err)
				}
				mine = append(mine[:i], mine[i+1:]...)
			},
			"prepare": func(t *rapid.T) {
				allowed := int64(rapid.IntRange(0, 4).Draw(t, "allowed")) * page
				p.allow(allowed)
				before := p.figures()
				if _, err := p.prepare(); err != nil {
					t.Fatalf("%v", err)
				}
				if after := p.figures(); after.taken > before.taken+allowed {
					t.Fatalf("allowed to prepare %d, took %d", allowed, after.taken-before.taken)
				}
			},
			"release": func(t *rapid.T) {
				want := int64(rapid.IntRange(0, 4).Draw(t, "bytes")) * page
				before := p.figures()
				got := p.release(want)
				if after := p.figures(); got != before.taken-after.taken || got < min(want, before.ready) {
					t.Fatalf("of %d ready %d were to go: %d went, says %d", before.ready, want, before.taken-after.taken, got)
				}
			},
			"limit": func(t *rapid.T) {
				limit = max(int64(rapid.IntRange(1, 12).Draw(t, "limit"))*page, held)
				p.setLimit(limit)
			},
			"renew": func(*rapid.T) { p.renew() },
			"": func(t *rapid.T) {
				checkPool(t, p, held)
				for _, r := range p.ready {
					if !a.prepared[&r.mem[0]] {
						t.Fatalf("a ready slab is not prepared")
					}
				}
			},
		})
		p.close()
		for _, mem := range mine {
			if err := p.put(mem); err != nil {
				t.Fatalf("%v", err)
			}
		}
		checkPool(t, p, 0)
		if err := a.check(true); err != nil {
			t.Fatalf("%v", err)
		}
	})
}

func TestPoolUnderThreads(t *testing.T) {
	p := newPool(16*page, 3, testStore, offheap.Options{})
	p.allow(1 << 40)
	ctx, cancel := context.WithCancel(t.Context())
	var background, users sync.WaitGroup
	background.Go(func() { p.run(ctx, func(err error) { t.Error(err) }) })
	for u := range 4 {
		users.Go(func() {
			size := page << (u % 3) // at most 4 + 2·2 + 1·2 pages held at once, all fit
			for range 200 {
				mem, err := p.get(ctx, size)
				if err != nil {
					t.Error(err)
					return
				}
				mem[0] = 1
				if err := p.put(mem); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	cancel()
	background.Wait()
	checkPool(t, p, 0)
	p.close()
	checkPool(t, p, 0)
	if _, err := p.get(t.Context(), page); !errors.Is(err, errPoolClosed) {
		t.Errorf("get after close: %v", err)
	}
}

// TestPreparedAhead: the pool prepares slabs of the size of the last get.
func TestPreparedAhead(t *testing.T) {
	p := newPool(16*page, 3, testStore, offheap.Options{})
	p.size = page
	p.allow(1 << 40)
	ctx, cancel := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { p.run(ctx, func(err error) { t.Error(err) }) })
	prepared := func(want int64) func() bool {
		return func() bool { return p.figures().ready == want }
	}
	eventually(t, "three pages are prepared", prepared(3*page))
	mem, err := p.get(ctx, 2*page)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "three double pages are", prepared(6*page))
	if err := p.put(mem); err != nil {
		t.Error(err)
	}
	cancel()
	background.Wait()
	p.close()
	checkPool(t, p, 0)
}
