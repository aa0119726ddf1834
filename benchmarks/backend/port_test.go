package backend

import (
	"net"
	"strconv"
	"testing"
)

func TestPortsInARowAreFree(t *testing.T) {
	first, err := FreePorts(localhost, 3)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(localhost, strconv.Itoa(first+1)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !listens(localhost, first+1) {
		t.Errorf("port %d does not listen", first+1)
	}
	next, err := FreePorts(localhost, 3)
	if err != nil || next <= first {
		t.Errorf("ports from %d on, %v: port %d is taken", next, err, first+1)
	}
}
