package backend

import (
	"fmt"
	"net"
	"strconv"
)

// localhost is the address on which servers listen that need no network.
const localhost = "127.0.0.1"

// FreePorts finds n TCP ports of host in a row on which nothing listens, and returns the
// first. Another program may take them before they are used; then the server does not start.
func FreePorts(host string, n int) (int, error) {
	const first, last = 20000, 30000 // below those that the kernel gives out (ip_local_port_range)
search:
	for port := first; port+n <= last; port += n {
		for i := range n {
			if !canListen(host, port+i) {
				continue search
			}
		}
		return port, nil
	}
	return 0, fmt.Errorf("no %d ports in a row from %d to %d are free on %s", n, first, last, host)
}

func canListen(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func listens(host string, port int) bool {
	c, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	c.Close()
	return true
}
