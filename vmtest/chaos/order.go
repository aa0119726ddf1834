package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// The two machines. Pages travel over the first link, orders over the second: faults of the network do not meet
// them.
const (
	deviceAddress = "10.97.0.1"
	agentAddress  = "10.98.0.2"
	ownAgentSide  = "10.98.0.1"
	agentPort     = "7000"
	pageMTU       = "9000"
)

// proxyHost is the address at which the device knows a donor.
func proxyHost(donor int) string { return fmt.Sprintf("10.97.0.%d", 10+donor) }

// donorName is a donor's name.
func donorName(donor int) string { return fmt.Sprintf("donor%d", donor) }

// order is what the device's machine asks of the donors'. It is answered when it is done.
type order struct {
	Do    string        `json:"do"` // "ready", "stop", or the kind of a fault
	Fault Fault         `json:"fault"`
	By    time.Duration `json:"by"` // how far the clock is set
}

// answer is what becomes of an order.
type answer struct {
	Error   string `json:"error,omitempty"`
	Flipped int64  `json:"flipped,omitempty"` // bits, by this order
	Missing bool   `json:"missing,omitempty"` // the programs there cannot do that
}

var errMissing = errors.New("not available")

// ask sends an order, and waits for its end.
func ask(o order, timeout time.Duration) (answer, error) {
	var a answer
	c, err := net.DialTimeout("tcp", net.JoinHostPort(agentAddress, agentPort), 5*time.Second)
	if err != nil {
		return a, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(timeout)) // an open connection takes one
	if err := json.NewEncoder(c).Encode(o); err != nil {
		return a, err
	}
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return a, fmt.Errorf("order %s to the donors' machine: %w", o.Do, err)
	}
	switch {
	case a.Missing:
		return a, errMissing
	case a.Error != "":
		return a, fmt.Errorf("order %s to the donors' machine: %s", o.Do, a.Error)
	}
	return a, nil
}
