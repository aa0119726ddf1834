//go:build vm

package vmtest

import (
	"testing"
	"time"
)

var scenarios = []Scenario{
	{1, "null", time.Minute, driverNull},
	{2, "loop", time.Minute, driverLoop},
	{3, "shapes", 2 * time.Minute, driverShapes},

	{10, "verify-matrix", 5 * time.Minute, verifyMatrix},
	{11, "verify-strict", time.Minute, verifyStrict},
	{12, "history", time.Minute, historyOnDonors},
	{13, "ext4", 3 * time.Minute, fileSystem},
	{14, "copies-remote-first", time.Minute, copiesRemoteFirst},
	{15, "copies-strict", time.Minute, copiesStrict},
	{16, "without-backing", time.Minute, withoutBacking},

	{20, "swap", 3 * time.Minute, swap},
	{21, "swapon-option", 2 * time.Minute, swaponOption},

	{30, "donor-killed-under-io", 2 * time.Minute, donorKilledUnderIO},
	{31, "donor-killed-under-swap", 4 * time.Minute, donorKilledUnderSwap},
	{32, "all-donors-killed", time.Minute, allDonorsKilled},
	{33, "donor-frozen", 2 * time.Minute, donorFrozen},
	{34, "link-cut", 2 * time.Minute, linkCut},
	{35, "donors-too-slow", time.Minute, donorsTooSlow},

	{40, "stop-refused", time.Minute, stopRefused},
	{41, "signals", 2 * time.Minute, signals},
	{42, "server-killed", time.Minute, serverKilled},
	{43, "two-devices", time.Minute, twoDevices},

	{50, "bad-donor", 2 * time.Minute, badDonor},
	{51, "bad-backing", time.Minute, badBacking},
	{52, "bad-identity", time.Minute, badIdentity},
	{53, "bad-device", time.Minute, badDevice},
	{54, "hostile-donor", 2 * time.Minute, hostileDonor},
	{55, "no-driver", time.Minute, noDriver},
}

func TestSuite(t *testing.T) {
	fixture, err := NewFixture("/dev/vda")
	if err != nil {
		t.Fatal(err)
	}
	Suite(t, fixture, scenarios)
}
