package donor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

// account checks what the donor tells a server about prepared memory. It finds a Forget too many
// and memory that the donor unmaps while it is prepared.
type account struct {
	mu                          sync.Mutex
	prepared                    map[*byte]bool
	prepares, forgets, consumed int
	errs                        []error
}

func newAccount() *account { return &account{prepared: make(map[*byte]bool)} }

func (a *account) prepare(mem []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prepared[&mem[0]] {
		a.errs = append(a.errs, errors.New("prepared twice"))
	}
	a.prepared[&mem[0]] = true
	a.prepares++
}

func (a *account) forget(mem []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.prepared[&mem[0]] {
		a.errs = append(a.errs, errors.New("forgotten, but not prepared"))
	}
	delete(a.prepared, &mem[0])
	a.forgets++
}

func (a *account) register(mem []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prepared[&mem[0]] {
		a.consumed++
	}
	delete(a.prepared, &mem[0])
}

// close ends all preparations.
func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgets += len(a.prepared)
	clear(a.prepared)
}

func (a *account) unmapped(mem []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prepared[&mem[0]] {
		a.errs = append(a.errs, errors.New("unmapped while prepared"))
	}
}

// check returns what is wrong with the account. With even, an open preparation is wrong, too.
func (a *account) check(even bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := errors.Join(a.errs...)
	if even && a.prepares != a.forgets+a.consumed {
		err = errors.Join(err, fmt.Errorf("prepared %d times, forgotten %d, registered %d", a.prepares, a.forgets, a.consumed))
	}
	return err
}

func (a *account) counts() (prepared, forgets, consumed int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.prepared), a.forgets, a.consumed
}

// fakeRDMA serves over TCP under the name of RDMA.
type fakeRDMA struct {
	verbs.Server
	*account
	mu      sync.Mutex
	failing error // of Prepare
	ended   error // of all that adds something
}

func (f *fakeRDMA) Name() string { return "rdma" }

func (f *fakeRDMA) fail(prepare, all error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing, f.ended = prepare, all
}

func (f *fakeRDMA) errors() (prepare, all error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing, f.ended
}

func (f *fakeRDMA) Prepare(mem []byte) error {
	if failing, ended := f.errors(); failing != nil || ended != nil {
		return errors.Join(failing, ended)
	}
	f.prepare(mem)
	return nil
}

func (f *fakeRDMA) Forget(mem []byte) error {
	f.forget(mem)
	return nil
}

func (f *fakeRDMA) Admit(c verbs.Credential) error {
	if _, ended := f.errors(); ended != nil {
		return ended
	}
	return f.Server.Admit(c)
}

func (f *fakeRDMA) Register(s verbs.SessionID, mem []byte) (verbs.Grant, error) {
	if _, ended := f.errors(); ended != nil {
		return verbs.Grant{}, ended
	}
	f.register(mem)
	return f.Server.Register(s, mem)
}

func (f *fakeRDMA) Close() error {
	err := f.Server.Close()
	f.close()
	return err
}

// adapters says what RDMA does on a machine, one server after the other.
type adapters struct {
	t       *testing.T
	mu      sync.Mutex
	absent  error // why there is none now
	servers []*fakeRDMA
}

func (a *adapters) listen(addr string, _ rdma.Config) (verbs.Server, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.absent != nil {
		return nil, a.absent
	}
	s, err := tcp.Listen(addr, tcp.Config{})
	if err != nil {
		return nil, err
	}
	f := &fakeRDMA{Server: s, account: newAccount()}
	a.servers = append(a.servers, f)
	return f, nil
}

func (a *adapters) set(absent error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.absent = absent
}

// last returns the server that started last.
func (a *adapters) last() *fakeRDMA {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.servers[len(a.servers)-1]
}

// lendBoth serves a donor over TCP and fakeRDMA, and checks the accounts of both until the test
// ends.
func lendBoth(t *testing.T, cfg Config, a *adapters) *Donor {
	t.Helper()
	a.t = t
	n := machineNetwork()
	n.rdma, n.retry = a.listen, 10*time.Millisecond
	checkFDs(t)
	d, err := open(cfg, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	each := func(f func(*fakeRDMA)) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, s := range a.servers {
			f(s)
		}
	}
	forget := d.pool.unmapped
	d.pool.unmapped = func(mem []byte) error {
		err := forget(mem)
		each(func(f *fakeRDMA) { f.unmapped(mem) })
		return err
	}
	t.Cleanup(func() {
		each(func(f *fakeRDMA) {
			if err := f.check(true); err != nil {
				t.Error(err)
			}
		})
	})
	serveDonor(t, d)
	return d
}

// logged counts the lines of a log that contain a word. Several goroutines may write to it.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(word string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, word) {
			n++
		}
	}
	return n
}

// countAll counts the lines that have all words.
func (l *logged) countAll(words ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

func bothConfig() (Config, *logged) {
	l := &logged{}
	cfg := testConfig()
	cfg.Unlocked, cfg.Ahead, cfg.Log = true, 2, zerolog.New(l)
	return cfg, l
}

func wantDataOver(t *testing.T, s *control.Session, want ...string) {
	t.Helper()
	var got []string
	for _, e := range s.Welcome().Data {
		got = append(got, e.Transport)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("data over %q, want %q", got, want)
	}
}
