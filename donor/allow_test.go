package donor

import (
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
)

// lendTo serves a donor of 8 slabs to certificates of some names, and returns a function that
// connects under a name.
func lendTo(t *testing.T, log *logged, list ...Allowance) (*Donor, func(name string) (*control.Session, error)) {
	t.Helper()
	identity := authority(t)
	d, _ := lendOn(t, func(c *Config) {
		c.Memory, c.Insecure, c.Identity, c.Allow, c.Log = 8*slabSize, false, identity("donor-1"), list, zerolog.New(log)
	})
	return d, func(name string) (*control.Session, error) {
		cfg := dialConfig(control.NewUUID())
		cfg.Insecure, cfg.Identity, cfg.Name = false, identity(name), "dev-of-"+name
		s, err := control.Dial(t.Context(), d.Addr(), cfg)
		if err == nil {
			t.Cleanup(func() { _ = s.Close() })
		}
		return s, err
	}
}

func free(t *testing.T, s *control.Session) int64 {
	t.Helper()
	m, err := s.QueryMem(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int64(m.Free) / slabSize
}

func TestOnlyAllowedNames(t *testing.T) {
	log := &logged{}
	d, as := lendTo(t, log, Allowance{Name: "web"})
	if _, err := as("db"); !errors.Is(err, control.ErrRefused) || !strings.Contains(err.Error(), `"db"`) {
		t.Errorf("a name that is not allowed: %v", err)
	}
	eventually(t, "it is logged", func() bool {
		return log.count(`"level":"warn"`) == 1 && log.count(`session refused`) == 1 && log.count(`\"db\"`) == 1
	})
	if _, err := as("db"); !errors.Is(err, control.ErrRefused) {
		t.Errorf("again: %v", err)
	}
	if _, err := as("dev"); !errors.Is(err, control.ErrRefused) {
		t.Errorf("another: %v", err)
	}
	eventually(t, "what is not new is logged for who looks closely", func() bool {
		return log.count(`"level":"warn"`) == 1 && log.count(`session refused`) == 3
	})
	s, err := as("web")
	if err != nil {
		t.Fatal(err)
	}
	mapSlab(t, s, 3, false)
	if err := s.Unmap(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"session opened", "slab mapped", "slab unmapped"} {
		if log.count(word) != 1 {
			t.Errorf("%q is logged %d times", word, log.count(word))
		}
	}
	for line := range strings.Lines(log.text.String()) {
		if strings.Contains(line, "slab ") && !(strings.Contains(line, `"identity":"web"`) && strings.Contains(line, `"device":"dev-of-web"`)) {
			t.Errorf("%s does not say who", line)
		}
	}
	if got := d.Status().Identities; len(got) != 1 || got[0].Name != "web" || got[0].Mapped != 0 {
		t.Errorf("%+v", got)
	}
}

// TestQuota bounds all devices of one name together.
func TestQuota(t *testing.T) {
	log := &logged{}
	d, as := lendTo(t, log, Allowance{Name: "web", Most: 3 * slabSize}, Allowance{Name: "db"})
	wantLogged := func(times int) {
		t.Helper()
		if n := log.count("a quota is used up"); n != times {
			t.Errorf("that the quota is used up is logged %d times, want %d", n, times)
		}
	}
	one, err1 := as("web")
	two, err2 := as("web")
	other, err3 := as("db")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	mapSlab(t, one, 0, false)
	mapSlab(t, two, 0, false)
	if a, b, c := free(t, one), free(t, two), free(t, other); a != 1 || b != 1 || c != 6 {
		t.Errorf("free for them %d and %d slabs, for the other %d", a, b, c)
	}
	mapSlab(t, two, 1, false)
	wantLogged(0) // to have it all is no more than is allowed
	for range 3 {
		if err := wantNoMemory(t, one, 1); !strings.Contains(err.Error(), "quota") || !strings.Contains(err.Error(), `"web"`) {
			t.Errorf("it does not say why: %v", err)
		}
		if a, b := free(t, one), free(t, other); a != 0 || b != 5 {
			t.Errorf("free for it %d slabs, for the other %d", a, b)
		}
	}
	wantLogged(1)
	// Slabs under lease count, and the device can claim them.
	mapSlab(t, other, 0, false)
	if err := two.Unmap(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	mapSlab(t, one, 1, false)
	if free(t, two) != 0 {
		t.Error("there is room above the quota")
	}
	wantLogged(1) // there was room, but nobody was told
	if err := one.Unmap(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if free(t, one) != 1 {
		t.Error("there is no room below the quota")
	}
	mapSlab(t, one, 1, false)
	if free(t, one) != 0 {
		t.Error("there is room above the quota")
	}
	wantLogged(2)
	got := d.Status().Identities
	if len(got) != 2 || got[0].Name != "db" || got[0].Mapped != slabSize || got[1].Mapped != 3*slabSize || got[1].Most != 3*slabSize {
		t.Errorf("%+v", got)
	}
}

func TestReserve(t *testing.T) {
	_, as := lendTo(t, &logged{}, Allowance{Name: "web"}, Allowance{Name: "db", Most: 6 * slabSize, Reserve: 5 * slabSize})
	web, err1 := as("web")
	db, err2 := as("db")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if a, b := free(t, web), free(t, db); a != 3 || b != 6 {
		t.Errorf("free for one %d slabs, for that with the reserve %d", a, b)
	}
	mapSlab(t, db, 0, false)
	if a, b := free(t, web), free(t, db); a != 3 || b != 5 {
		t.Errorf("free for one %d slabs, for that with the reserve %d", a, b)
	}
	for i := range uint32(3) {
		mapSlab(t, web, i, false)
	}
	if err := wantNoMemory(t, web, 3); !strings.Contains(err.Error(), "reserved for others") {
		t.Errorf("it does not say why: %v", err)
	}
	for i := range uint32(4) {
		mapSlab(t, db, i+1, false)
	}
	if a, b := free(t, web), free(t, db); a != 0 || b != 0 {
		t.Errorf("free in the end %d and %d slabs", a, b)
	}
}

func TestCheckAllow(t *testing.T) {
	const memory = 8 * slabSize
	for name, list := range map[string][]Allowance{
		"no name":         {{}},
		"bad name":        {{Name: "a b"}},
		"twice":           {{Name: "a"}, {Name: "a", Most: slabSize}},
		"negative":        {{Name: "a", Most: -1}},
		"negative kept":   {{Name: "a", Reserve: -1}},
		"below a slab":    {{Name: "a", Most: slabSize - 1}},
		"above its bound": {{Name: "a", Most: slabSize, Reserve: 2 * slabSize}},
		"above memory":    {{Name: "a", Reserve: memory}, {Name: "b", Reserve: 1}},
		"overflow":        {{Name: "a", Reserve: 1 << 62}, {Name: "b", Reserve: 1 << 62}, {Name: "c", Reserve: 1 << 62}},
	} {
		if err := checkAllow(list, memory, false); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := []Allowance{{Name: "a", Reserve: memory}, {Name: "b", Most: 2 * memory}}
	if err := checkAllow(good, memory, false); err != nil {
		t.Error(err)
	}
	if err := checkAllow(good, memory, true); !errors.Is(err, ErrConfig) {
		t.Errorf("without TLS: %v", err)
	}
}
