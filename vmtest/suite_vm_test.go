//go:build vm

package vmtest

import (
	"testing"
	"time"
)

var scenarios = []Scenario{
	{1, "null", 2 * time.Minute, driverNull},
	{2, "loop", 2 * time.Minute, driverLoop},
	{3, "shapes", 2 * time.Minute, driverShapes},

	{10, "verify-matrix", 5 * time.Minute, verifyMatrix},
	{11, "verify-strict", 2 * time.Minute, verifyStrict},
	{12, "history", 2 * time.Minute, historyOnDonors},
	{13, "ext4", 5 * time.Minute, fileSystem},
	{14, "copies-remote-first", 2 * time.Minute, copiesRemoteFirst},
	{15, "copies-strict", 2 * time.Minute, copiesStrict},
	{16, "without-backing", 2 * time.Minute, withoutBacking},

	{20, "swap", 5 * time.Minute, swap},
	{21, "swapon-option", 2 * time.Minute, swaponOption},

	{30, "donor-killed-under-io", 2 * time.Minute, donorKilledUnderIO},
	{31, "donor-killed-under-swap", 6 * time.Minute, donorKilledUnderSwap},
	{32, "all-donors-killed", 2 * time.Minute, allDonorsKilled},
	{33, "donor-frozen", 2 * time.Minute, donorFrozen},
	{34, "link-cut", 2 * time.Minute, linkCut},
	{35, "donors-too-slow", 2 * time.Minute, donorsTooSlow},

	{40, "stop-refused", 2 * time.Minute, stopRefused},
	{41, "signals", 2 * time.Minute, signals},
	{42, "server-killed", 2 * time.Minute, serverKilled},
	{43, "two-devices", 2 * time.Minute, twoDevices},

	{50, "bad-donor", 2 * time.Minute, badDonor},
	{51, "bad-backing", 2 * time.Minute, badBacking},
	{52, "bad-identity", 2 * time.Minute, badIdentity},
	{53, "bad-device", 2 * time.Minute, badDevice},
	{54, "hostile-donor", 2 * time.Minute, hostileDonor},
	{55, "no-driver", 2 * time.Minute, noDriver},
}

func TestSuite(t *testing.T) {
	fixture, err := NewFixture("/dev/vda")
	if err != nil {
		t.Fatal(err)
	}
	Suite(t, fixture, scenarios)
}
