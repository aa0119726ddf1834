package web

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/owned"
	"github.com/farswap/farswap/internal/webguard"
)

// ErrConfig means that a Config is wrong, or asks for something that is not safe.
var ErrConfig = errors.New("wrong configuration of the dashboard")

const (
	// DefaultListen is the address of the page if Config.Listen is empty.
	DefaultListen = "127.0.0.1:9480"

	// MaxPeers bounds the other dashboards that one dashboard shows.
	MaxPeers = 64

	// minToken is the length of the shortest token, in bytes: nobody guesses 20 random
	// letters over a network.
	minToken = 20
	maxToken = 1024
)

// Config says what a Server serves, where and to whom.
type Config struct {
	Listen   string        // HOST:PORT; empty: DefaultListen
	Root     string        // of the state folders; empty: status.DefaultRoot
	Interval time.Duration // between two questions to each server; 0: a second

	// Token lets in everybody who knows it, with or without a certificate. Empty: nobody.
	Token string
	// Identity is needed if Listen or a peer is not a loopback address.
	Identity *control.Identity
	// Peers are other dashboards, HOST:PORT. The page shows their devices and donors, too.
	Peers []string

	// Log gets wrong tokens, and failed connections at level debug.
	Log zerolog.Logger
}

// ReadToken reads a token from a file. It refuses a file that other users can read. The
// error for a missing or unsuitable token is ErrConfig.
func ReadToken(path string) (string, error) {
	const hint = "make one with `(umask 077; head -c 24 /dev/urandom | base64 > FILE)`"
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%w: token: %w: %s", ErrConfig, err, hint)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%w: token file %s: mode %#o lets other users read it: chmod 600 it", ErrConfig, path, info.Mode().Perm())
	}
	if info.Size() > maxToken {
		return "", fmt.Errorf("%w: token file %s has %d bytes, at most %d: %s", ErrConfig, path, info.Size(), maxToken, hint)
	}
	data, err := owned.Read(path, maxToken)
	if err != nil {
		return "", fmt.Errorf("%w: token: %w", ErrConfig, err)
	}
	token := strings.TrimSpace(string(data))
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("%w: token file %s: %w: %s", ErrConfig, path, err, hint)
	}
	return token, nil
}

// checkToken accepts only tokens that fit into a header unchanged.
func checkToken(token string) error {
	if len(token) < minToken {
		return fmt.Errorf("%d characters can be guessed, at least %d are needed", len(token), minToken)
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("character %q in it: want printable ASCII in one line", r)
		}
	}
	return nil
}

// check fills in defaults, or says what is wrong with the configuration.
func (c *Config) check() error {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	host, err := splitAddress(c.Listen)
	if err != nil {
		return fmt.Errorf("%w: listen on %q: %w", ErrConfig, c.Listen, err)
	}
	if !loopback(host) && c.Identity == nil {
		return fmt.Errorf("%w: listen on %s: that is not a loopback address, and others must not read this without proof of who they are: give --cert FOLDER (see `farswap cert`), and --token-file FILE for browsers without a certificate; or listen on 127.0.0.1 and use `ssh -L`", ErrConfig, c.Listen)
	}
	if c.Token != "" {
		if err := checkToken(c.Token); err != nil {
			return fmt.Errorf("%w: token: %w", ErrConfig, err)
		}
	}
	if len(c.Peers) > MaxPeers {
		return fmt.Errorf("%w: %d peers, at most %d", ErrConfig, len(c.Peers), MaxPeers)
	}
	seen := map[string]bool{}
	for _, p := range c.Peers {
		host, err := splitAddress(p)
		switch {
		case err != nil:
			return fmt.Errorf("%w: peer %q: %w", ErrConfig, p, err)
		case host == "":
			return fmt.Errorf("%w: peer %q: its host is missing: want HOST:PORT", ErrConfig, p)
		case seen[p]:
			return fmt.Errorf("%w: peer %s is named twice", ErrConfig, p)
		case !loopback(host) && c.Identity == nil:
			return fmt.Errorf("%w: peer %s is not a loopback address: give --cert FOLDER (see `farswap cert`), or reach it through `ssh -L`", ErrConfig, p)
		}
		seen[p] = true
	}
	return nil
}

// splitAddress returns the host of HOST:PORT.
func splitAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", errors.New("want HOST:PORT")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("port %q: want a number up to 65535", port)
	}
	if strings.ContainsAny(host, "/?#@ ") {
		return "", fmt.Errorf("host %q: want a name or an IP address", host)
	}
	return host, nil
}

// loopback reports whether a host as it is written is this machine.
func loopback(host string) bool { return webguard.IsLoopback(host) }
