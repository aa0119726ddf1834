package main

import (
	"errors"
	"fmt"
	"time"
)

// faultTime is how long a fault may take beyond its own time, before the run is given up. A donor that starts on an
// emulated machine takes some seconds.
const faultTime = 2 * time.Minute

// inject has a fault begin and end. It returns how many bits of pages were flipped.
func (m *deviceMachine) inject(f Fault) (flipped int64, err error) {
	switch f.Kind {
	case LinkDown:
		return 0, m.linkDown(f.For)
	case Packets:
		return 0, m.packets(f)
	case DiskFull:
		return 0, m.disk.full(f.For)
	case DiskSlow:
		return 0, m.disk.late(time.Duration(100+f.Dice%900)*time.Millisecond, f.For)
	case DiskFail:
		return 0, m.disk.failing(f.For)
	case Pressure:
		return 0, hog(f.For)
	case ClockAhead:
		return 0, m.clock(time.Hour, f.For)
	case ClockBack:
		return 0, m.clock(-time.Hour, f.For)
	case ServerStop:
		return 0, m.server.stopped(f.For)
	case ServerKill:
		return 0, m.server.killed(f)
	case Upgrade:
		return 0, m.server.upgraded()
	default: // is about a donor
		a, err := ask(order{Do: string(f.Kind), Fault: f}, f.For+faultTime)
		return a.Flipped, err
	}
}

// linkDown takes the network of pages away for a while.
func (m *deviceMachine) linkDown(while time.Duration) error {
	err := runAll("ip link set eth0 down")
	time.Sleep(while)
	return errors.Join(err, runAll("ip link set eth0 up"))
}

// packets has packets lost, sent twice, and overtaken, for a while.
func (m *deviceMachine) packets(f Fault) error {
	err := runAll(fmt.Sprintf("tc qdisc add dev eth0 root netem delay 3ms 2ms reorder 30%% loss %d%% duplicate 2%%", 1+f.Dice%8))
	time.Sleep(f.For)
	return errors.Join(err, runAll("tc qdisc del dev eth0 root"))
}

// clock sets the clocks of both machines off for a while.
func (m *deviceMachine) clock(by, while time.Duration) error {
	set := func(by time.Duration) error {
		_, err := ask(order{Do: "clock", By: by}, faultTime)
		return errors.Join(setClock(by), err)
	}
	err := set(by)
	time.Sleep(while)
	return errors.Join(err, set(-by))
}
