package web

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/control"
)

const testToken = "correct-horse-battery-staple"

// testIdentity is one of a new authority, for the loopback addresses too.
func testIdentity(t *testing.T) (ca string, id *control.Identity) {
	t.Helper()
	ca = filepath.Join(t.TempDir(), "ca")
	if err := control.InitCA(ca, "test"); err != nil {
		t.Fatal(err)
	}
	return ca, issue(t, ca, "db1")
}

func issue(t *testing.T, ca, name string) *control.Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := control.Issue(ca, dir, name, []string{"127.0.0.1", "localhost"}); err != nil {
		t.Fatal(err)
	}
	id, err := control.LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestConfig(t *testing.T) {
	_, id := testIdentity(t)
	var many []string
	for i := range MaxPeers + 1 {
		many = append(many, fmt.Sprintf("127.0.0.1:%d", 1000+i))
	}
	for name, tc := range map[string]struct {
		c    Config
		want string // part of the error; empty: it is right
	}{
		"nothing":                  {Config{}, ""},
		"loopback":                 {Config{Listen: "127.0.0.2:0"}, ""},
		"loopback of IPv6":         {Config{Listen: "[::1]:0"}, ""},
		"localhost":                {Config{Listen: "localhost:0"}, ""},
		"everywhere":               {Config{Listen: ":9480"}, "--cert"},
		"everywhere, IPv6":         {Config{Listen: "[::]:9480"}, "not a loopback address"},
		"elsewhere":                {Config{Listen: "10.0.0.1:9480"}, "not a loopback address"},
		"a name":                   {Config{Listen: "db1:9480"}, "not a loopback address"},
		"a name like localhost":    {Config{Listen: "localhost.example:9480"}, "not a loopback address"},
		"token without TLS":        {Config{Listen: ":9480", Token: testToken}, "--cert"},
		"identity":                 {Config{Listen: ":9480", Identity: id}, ""},
		"identity and token":       {Config{Listen: ":9480", Identity: id, Token: testToken}, ""},
		"no port":                  {Config{Listen: "127.0.0.1"}, "HOST:PORT"},
		"port too large":           {Config{Listen: "127.0.0.1:65536"}, "65536"},
		"port no number":           {Config{Listen: "127.0.0.1:http"}, `"http"`},
		"short token":              {Config{Token: "secret"}, "6 characters"},
		"token with a space":       {Config{Token: "correct horse battery staple"}, "' '"},
		"token of two lines":       {Config{Token: testToken + "\n" + testToken}, `'\n'`},
		"peer":                     {Config{Peers: []string{"127.0.0.1:1", "localhost:1"}}, ""},
		"peer elsewhere":           {Config{Peers: []string{"mem1:9480"}}, "peer mem1:9480"},
		"peer elsewhere, identity": {Config{Peers: []string{"mem1:9480"}, Identity: id}, ""},
		"peer twice":               {Config{Peers: []string{"127.0.0.1:1", "127.0.0.1:1"}}, "twice"},
		"peer without a port":      {Config{Peers: []string{"mem1"}}, "HOST:PORT"},
		"peer without a host":      {Config{Peers: []string{":9480"}}, "host is missing"},
		"peer that is an address":  {Config{Peers: []string{"http://mem1:9480"}}, "http://mem1:9480"},
		"peer with a path":         {Config{Peers: []string{"a/b:1"}, Identity: id}, "a/b"},
		"too many peers":           {Config{Peers: many}, "65 peers"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.c.check()
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want ErrConfig with %q", err, tc.want)
			}
		})
	}
}

func TestReadToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(testToken+"\n", 0o600)
	if got, err := ReadToken(path); err != nil || got != testToken {
		t.Errorf("got %q, %v", got, err)
	}
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"open to all": {testToken, 0o644, "chmod 600"},
		"empty":       {"", 0o600, "0 characters"},
		"short":       {"abc", 0o600, "at least 20"},
		"long":        {strings.Repeat("x", 2000), 0o600, "2000 bytes"},
		"binary":      {strings.Repeat("\x00", 32), 0o600, "printable"},
	} {
		write(tc.text, tc.mode)
		if _, err := ReadToken(path); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := ReadToken(path + "x"); !errors.Is(err, ErrConfig) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
}
