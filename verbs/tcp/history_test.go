package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/verbstest"
)

func TestRandomHistories(t *testing.T) {
	for _, c := range []struct {
		threads, qps, depth, most, ops int
		cfg                            Config
	}{
		{threads: 1, qps: 1, depth: 1, most: 8192, ops: 2000},
		{threads: 1, qps: 3, depth: 5, most: 20000, ops: 5000},
		{threads: 3, qps: 4, depth: 256, most: 4096, ops: 10000},
		{threads: 3, qps: 3, depth: 64, most: 60000, ops: 2000, cfg: Config{SendBuffer: 4096, ReceiveBuffer: 128 << 10}},
		{threads: 1, qps: 2, depth: 16, most: 60000, ops: 2000, cfg: Config{SendBuffer: 4096}},
	} {
		name := fmt.Sprintf("threads=%d qps=%d depth=%d buffers=%d,%d", c.threads, c.qps, c.depth, c.cfg.SendBuffer, c.cfg.ReceiveBuffer)
		t.Run(name, func(t *testing.T) {
			cfg := c.cfg
			cfg.Threads = c.threads
			r := newRig(t, cfg, verbs.QPConfig{})
			var qps []verbs.QP
			for range c.qps {
				qps = append(qps, r.connect(t, verbs.QPConfig{Depth: c.depth, Timeout: time.Minute}, nil))
			}
			verbstest.History{
				Loop: r.loop, QPs: qps, Local: r.local, Remote: r.remote[:256<<10], Key: r.grant.Key, Most: c.most, Ops: c.ops,
			}.Run(t)
		})
	}
}
