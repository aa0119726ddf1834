//go:build vm

package targets

import (
	"testing"

	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
)

func TestTargetsOnTheKernel(t *testing.T) {
	ublktest.NeedKernel(t, ublk.Spec{}.Features())
	for name, config := range all {
		t.Run(name, func(t *testing.T) { ublktest.TestOnKernel(t, config) })
	}
}
