package donor

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/offheap"
)

// TestLedgerHistories: in any history no identity gets more than its bound or a part of another's
// reserve, and the ledger refuses a map only when free says that there is less.
func TestLedgerHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := int64(rapid.IntRange(4, 40).Draw(t, "limit")) * page
		available := int64(rapid.IntRange(0, 60).Draw(t, "available")) * page
		names := []string{"a", "b", "c"}
		var list []Allowance
		left := limit
		for _, name := range names {
			one := Allowance{Name: name}
			one.Reserve = min(left, int64(rapid.IntRange(0, 8).Draw(t, "reserve"))*page)
			if rapid.Bool().Draw(t, "bounded") {
				one.Most = one.Reserve + int64(rapid.IntRange(1, 10).Draw(t, "above"))*page
			}
			left -= one.Reserve
			list = append(list, one)
		}
		g := evict.NewGovernor(evict.Config{HeadRoom: 8 * page, Slack: page})
		l := newLedger(g, newPool(limit, 0, testStore, offheap.Options{}), list)
		g.Tick(1, evict.Sample{Available: available, Total: 1 << 40}, l.lent())
		canLend := max(available-9*page, 0)
		held := make(map[string]int64)
		var sum int64
		t.Repeat(map[string]func(*rapid.T){
			"reserve": func(t *rapid.T) {
				one := rapid.SampledFrom(list).Draw(t, "who")
				size := int64(1<<rapid.IntRange(0, 3).Draw(t, "size")) * page
				free := l.free(one.Name)
				err := l.reserve(one.Name, size)
				if (err == nil) != (size <= free) {
					t.Fatalf("%s wants %d of %d free: %v", one.Name, size, free, err)
				}
				if err != nil {
					if !errors.Is(err, control.ErrNoMemory) {
						t.Fatalf("%v", err)
					}
					return
				}
				held[one.Name] += size
				sum += size
				if one.Most > 0 && held[one.Name] > one.Most {
					t.Fatalf("%s holds %d of at most %d", one.Name, held[one.Name], one.Most)
				}
				kept := int64(0)
				for _, other := range list {
					if other.Name != one.Name {
						kept += max(other.Reserve-held[other.Name], 0)
					}
				}
				if sum+kept > min(limit, canLend) {
					t.Fatalf("%d are held, %d reserved for others; %d can be lent of %d", sum, kept, canLend, limit)
				}
			},
			"release": func(t *rapid.T) {
				name := rapid.SampledFrom(names).Draw(t, "who")
				if held[name] == 0 {
					t.Skip("holds nothing")
				}
				was := rapid.Bool().Draw(t, "asked back")
				if was {
					l.askedBack(page)
				}
				l.release(name, page, was)
				held[name] -= page
				sum -= page
			},
			"": func(t *rapid.T) {
				if all, returning := l.left(); all != sum || returning != 0 {
					t.Fatalf("%d held, %d returning; %d", all, returning, sum)
				}
			},
		})
		l.drain()
		for _, name := range names {
			if l.free(name) != 0 || l.room() != 0 || !errors.Is(l.reserve(name, page), control.ErrNoMemory) {
				t.Fatalf("a donor that is drained lends")
			}
		}
	})
}

func TestLedgerAdmits(t *testing.T) {
	anyone := newLedger(nil, nil, nil)
	if err := errors.Join(anyone.admit("a"), anyone.admit("")); err != nil {
		t.Error(err)
	}
	some := newLedger(nil, nil, []Allowance{{Name: "a"}})
	if err := some.admit("a"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "b", "A"} {
		if err := some.admit(name); !errors.Is(err, control.ErrRefused) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
