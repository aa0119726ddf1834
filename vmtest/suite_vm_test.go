//go:build vm

package vmtest

import (
	"sync"
	"testing"
	"time"
)

var (
	onlyTCP  = []string{TCP} // also for what has no donors
	onlyRDMA = []string{RDMA}
	both     = []string{TCP, RDMA}
)

var scenarios = []Scenario{
	{1, "null", 2 * time.Minute, onlyTCP, driverNull},
	{2, "loop", 2 * time.Minute, onlyTCP, driverLoop},
	{3, "shapes", 2 * time.Minute, onlyTCP, driverShapes},
	{4, "hdd", 2 * time.Minute, onlyTCP, driverHDD},
	{5, "stranger", 2 * time.Minute, onlyTCP, driverStranger},

	{10, "verify-matrix", 5 * time.Minute, both, verifyMatrix},
	{11, "verify-strict", 2 * time.Minute, both, verifyStrict},
	{12, "history", 2 * time.Minute, both, historyOnDonors},
	{13, "ext4", 5 * time.Minute, both, fileSystem},
	{14, "copies-remote-first", 2 * time.Minute, both, copiesRemoteFirst},
	{15, "copies-strict", 2 * time.Minute, both, copiesStrict},
	{16, "without-backing", 2 * time.Minute, both, withoutBacking},

	{20, "swap", 5 * time.Minute, both, swap},
	{21, "swapon-option", 2 * time.Minute, both, swaponOption},

	{30, "donor-killed-under-io", 2 * time.Minute, both, donorKilledUnderIO},
	{31, "donor-killed-under-swap", 6 * time.Minute, both, donorKilledUnderSwap},
	{32, "all-donors-killed", 2 * time.Minute, both, allDonorsKilled},
	{33, "donor-frozen", 2 * time.Minute, both, donorFrozen},
	{34, "link-cut", 2 * time.Minute, both, linkCut},
	{35, "donors-too-slow", 2 * time.Minute, both, donorsTooSlow},
	{36, "adapter-removed", 2 * time.Minute, onlyRDMA, adapterRemoved},
	{37, "auto", 2 * time.Minute, onlyRDMA, auto},
	{38, "insist", 2 * time.Minute, onlyRDMA, insist},
	{39, "stalls", 30 * time.Minute, both, stalls},
	{45, "past-grace", 4 * time.Minute, onlyTCP, pastGrace},
	{46, "disk-stalls", 4 * time.Minute, onlyTCP, diskStalls},
	{48, "server-taken-over", 30 * time.Minute, both, serverTakenOver},
	{49, "server-upgraded", 30 * time.Minute, onlyTCP, serverUpgraded},
	{69, "donor-upgraded", 30 * time.Minute, both, donorUpgraded},
	{59, "standby-alone", 30 * time.Minute, onlyTCP, standbyAlone},
	{58, "recovered-by-hand", 10 * time.Minute, onlyTCP, recoveredByHand},
	{47, "rotation", 10 * time.Minute, onlyTCP, rotation},

	{60, "donor-drained", 3 * time.Minute, both, donorDrained},
	{61, "drained-without-room", 2 * time.Minute, onlyTCP, drainedWithoutRoom},
	{62, "headroom-kept", 3 * time.Minute, onlyTCP, headroomKept},
	{63, "cluster", 6 * time.Minute, both, clusterLives},
	{64, "clock-set", 4 * time.Minute, onlyTCP, clockSet},
	{70, "probes", 5 * time.Minute, onlyTCP, probesUnderSwap},
	{72, "probes-leave-nothing", 3 * time.Minute, onlyTCP, probesLeaveNothing},
	{73, "locked-memory", 3 * time.Minute, onlyTCP, lockedMemory},
	{74, "metrics", 3 * time.Minute, onlyTCP, metricsTrue},

	{40, "stop-refused", 2 * time.Minute, onlyTCP, stopRefused},
	{41, "signals", 2 * time.Minute, both, signals},
	{42, "server-killed", 2 * time.Minute, onlyTCP, serverKilled},
	{43, "two-devices", 2 * time.Minute, both, twoDevices},
	{56, "dead-swap", 3 * time.Minute, onlyTCP, deadSwap},
	{57, "swap-taken-off", 5 * time.Minute, onlyTCP, swapTakenOff},
	{65, "sleep", 8 * time.Minute, onlyTCP, sleeps},
	{44, "readme-trial", 6 * time.Minute, onlyTCP, readmeTrial},

	{50, "bad-donor", 2 * time.Minute, onlyTCP, badDonor},
	{51, "bad-backing", 2 * time.Minute, onlyTCP, badBacking},
	{52, "bad-identity", 2 * time.Minute, onlyTCP, badIdentity},
	{53, "bad-device", 2 * time.Minute, onlyTCP, badDevice},
	{54, "hostile-donor", 2 * time.Minute, onlyTCP, hostileDonor},
	{55, "no-driver", 2 * time.Minute, onlyTCP, noDriver},

	{80, "bench-run", 8 * time.Minute, onlyTCP, benchRuns},
	{81, "bench-refused", 2 * time.Minute, onlyTCP, benchRefused},
	{82, "bench-killed", 8 * time.Minute, onlyTCP, benchKilled},
	{83, "bench-goes-on", 8 * time.Minute, onlyTCP, benchGoesOn},
}

// long are scenarios that are not part of ./do test: they hold latencies against each
// other, which takes a host that does nothing else. ./do vm-long KERNEL
var long = []Scenario{
	{66, "slow-donor", 4 * time.Minute, onlyTCP, slowDonor},
	{67, "slow-alike", 3 * time.Minute, onlyTCP, slowAlike},
	{68, "slow-donor-by-kernel", 4 * time.Minute, onlyTCP, slowDonorByKernel},
	{71, "probes-fio", 5 * time.Minute, onlyTCP, probesAgainstFio},
}

func TestSuite(t *testing.T)    { play(t, scenarios) }
func TestLong(t *testing.T)     { play(t, long) }
func TestBackends(t *testing.T) { play(t, backendScenarios()) }

// fixtureOnce prepares the virtual machine for all that one run of the binary plays.
var fixtureOnce = sync.OnceValues(func() (*Fixture, error) { return NewFixture("/dev/vda") })

func play(t *testing.T, scenarios []Scenario) {
	fixture, err := fixtureOnce()
	if err != nil {
		t.Fatal(err)
	}
	for i := range scenarios {
		if scenarios[i].Name == "slow-donor" {
			scenarios[i].Limit += *flapping
		}
	}
	Suite(t, fixture, scenarios)
}
