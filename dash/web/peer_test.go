package web

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// origins waits until a dashboard says of a peer what is wanted, and gives its words.
func waitOrigin(t *testing.T, s *Server, peer, state string) origin {
	t.Helper()
	var got origin
	eventually(t, peer+" "+state, func() bool {
		origins, _ := s.collect(false)
		for _, o := range origins {
			if o.ID == peer {
				got = o
			}
		}
		return got.State == state
	})
	return got
}

// TestPeer: a dashboard shows what its peer knows of its own machine, and passes on what
// a page asks of it.
func TestPeer(t *testing.T) {
	for name, token := range map[string]string{"open": "", "token": testToken} {
		t.Run(name, func(t *testing.T) {
			root, w, _ := fakeWorld(t)
			far := serve(t, Config{Root: root, Interval: 100 * time.Millisecond, Token: token})
			near := serve(t, Config{Peers: []string{address(far)}, Token: token})
			near.guard.open = true // the test asks it without signing in
			if o := waitOrigin(t, near, address(far), originUp); o.Name != far.host || o.Error != "" {
				t.Errorf("origin: %+v", o)
			}
			key := address(far) + "/device/7"
			eventually(t, "the peer's device", func() bool {
				_, things := near.collect(false)
				return things[key] != nil && things[key].Device != nil && things[address(far)+"/donor/mem1"] != nil
			})
			if _, things := near.collect(true); len(things) != 0 {
				t.Errorf("its own things: %v", things)
			}
			var p page
			e := openEvents(t, near, "/api/watch?thing="+key)
			p.next(e)
			w.Step(time.Second)
			for len(p.points) < 3 {
				p.next(e)
			}
			if len(p.slabs) != 256 || len(p.fine) != 10 {
				t.Errorf("%d slabs, %d sources", len(p.slabs), len(p.fine))
			}
		})
	}
}

// TestPeerOverTLS: dashboards of one authority show each other.
func TestPeerOverTLS(t *testing.T) {
	ca, id := testIdentity(t)
	root, _, _ := fakeWorld(t)
	far := serve(t, Config{Listen: notLoopback, Root: root, Identity: id, Interval: 100 * time.Millisecond})
	_, port, _ := net.SplitHostPort(address(far))
	to := "127.0.0.1:" + port
	friend := newPeer(to, issue(t, ca, "admin"), "", &news{})
	// A loopback address is asked without TLS; this one stands for another machine's.
	client := issue(t, ca, "admin").ClientConfig("127.0.0.1")
	friend.base = "https://" + to
	friend.client = tlsClient(t, client)
	friend.client.Timeout = 0
	body, err := friend.open(t.Context(), localScope)
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
	otherCA, _ := testIdentity(t)
	friend.client = tlsClient(t, issue(t, otherCA, "admin").ClientConfig("127.0.0.1"))
	if _, err := friend.open(t.Context(), localScope); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger's certificate: %v", err)
	}
	if p := newPeer("mem1:9480", id, testToken, &news{}); p.base != "https://mem1:9480" || p.token != "" {
		t.Errorf("peer on another machine: %s, token %q", p.base, p.token)
	}
}

// TestPeersOfEachOther: neither shows its own things as the other's.
func TestPeersOfEachOther(t *testing.T) {
	root, _, _ := fakeWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first := l.Addr().String()
	l.Close()
	a := serve(t, Config{Listen: first, Root: root})
	b := serve(t, Config{Peers: []string{first}})
	a2 := serve(t, Config{Root: root, Peers: []string{address(b)}})
	waitOrigin(t, b, address(a), originUp)
	waitOrigin(t, a2, address(b), originUp)
	eventually(t, "own things only", func() bool {
		_, things := a2.collect(false)
		return len(things) == 4
	})
}

// TestBadPeers: whatever answers, or does not, is shown as down with the reason.
func TestBadPeers(t *testing.T) {
	header := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	many := overview{Things: map[string]*summary{}}
	for i := range maxThings + 1 {
		many.Things[localKey(kindDevice, fmt.Sprint(i))] = &summary{}
	}
	lots, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ answer, want string }{
		"hangs up":       {"", "EOF"},
		"another server": {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello", "no farswap dashboard"},
		"not found":      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no farswap dashboard"},
		"wants a token":  {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "--token-file"},
		"redirects":      {"HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "--token-file"},
		"full":           {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull", "503 Service Unavailable: full"},
		"not HTTP":       {"hello\r\n\r\n", "malformed"},
		"not JSON":       {header + "data: {,}\n\n", "not the answer of a farswap dashboard"},
		"other types":    {header + "data: {\"things\":{\"local/device/1\":{\"since\":\"x\"}}}\n\n", "not the answer of a farswap dashboard"},
		"foreign things": {header + "data: {\"things\":{\"mem9:1/device/1\":{}}}\n\n", "mem9:1/device/1"},
		"bad key":        {header + "data: {\"things\":{\"<script>\":{}}}\n\n", "key"},
		"too many":       {header + "data: " + string(lots) + "\n\n", "more than 256"},
		"too long":       {header + "data: " + strings.Repeat("x", 2*maxOverview) + "\n\n", "too long"},
		"ends":           {header, "ended its answer"},
	} {
		t.Run(name, func(t *testing.T) {
			to := listen(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = c.Write([]byte(tc.answer))
			})
			s := serve(t, Config{Peers: []string{to}})
			if o := waitOrigin(t, s, to, originDown); !strings.Contains(o.Error, tc.want) || len(o.Error) > maxText+3 {
				t.Errorf("got %q, want %q in it", o.Error, tc.want)
			}
			if strings.HasPrefix(tc.answer, header) && name != "not JSON" {
				return // passed on: the page reads it
			}
			var got map[string]string
			e := openEvents(t, s, "/api/watch?thing="+to+"/device/1")
			if e.next(&got); !strings.HasPrefix(got["error"], to+": ") || !strings.Contains(got["error"], tc.want) {
				t.Errorf("watched: %v", got)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		s := serve(t, Config{Peers: []string{"127.0.0.1:1"}})
		if o := waitOrigin(t, s, "127.0.0.1:1", originDown); !strings.Contains(o.Error, "farswap dash --listen") {
			t.Errorf("got %q", o.Error)
		}
	})
}

// TestPeerComesBack: the last that a peer said is shown while it is down.
func TestPeerComesBack(t *testing.T) {
	said := overview{Origins: []origin{{ID: localOrigin, Name: "mem1"}}, Things: map[string]*summary{localKey(kindDonor, "d"): {Name: "d", State: "live"}}}
	text := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + string(mustJSON(said)) + "\n\n"
	ups := make(chan struct{}, 8)
	to := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte(text))
		select {
		case ups <- struct{}{}:
		default:
		}
	})
	s := serve(t, Config{Peers: []string{to}})
	o := waitOrigin(t, s, to, originDown)
	if _, things := s.collect(false); o.Name != "mem1" || things[to+"/donor/d"] == nil || things[to+"/donor/d"].Origin != to {
		t.Errorf("while it is down: %+v, %v", o, things)
	}
	<-ups
	<-ups // asked again
}

func TestShorten(t *testing.T) {
	if got := shorten("größer", 3); got != "gr…" {
		t.Errorf("got %q", got)
	}
	if got := shorten("abc", 3); got != "abc" {
		t.Errorf("got %q", got)
	}
}
