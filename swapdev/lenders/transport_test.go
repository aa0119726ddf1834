package lenders

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

func TestOpenTransports(t *testing.T) {
	missing := fmt.Errorf("no device: %w", verbs.ErrUnavailable)
	for name, tt := range map[string]struct {
		setting string
		open    error // of RDMA
		want    string
		err     error
		said    int
	}{
		"auto":                  {setting: "auto", want: "rdma tcp"},
		"auto, no RDMA":         {setting: "auto", open: missing, want: "(rdma) tcp", said: 1},
		"auto, wrong options":   {setting: "auto", open: verbs.ErrConfig, err: ErrConfig},
		"insisted":              {setting: "rdma", want: "rdma"},
		"insisted, no RDMA":     {setting: "rdma", open: missing, err: verbs.ErrUnavailable},
		"insisted, wrong input": {setting: "rdma", open: verbs.ErrConfig, err: ErrConfig},
		"TCP":                   {setting: "tcp", open: errors.New("RDMA was opened"), want: "tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			open := func(cfg rdma.Config) (verbs.Device, error) {
				if cfg.Device != "mlx5_1" {
					t.Errorf("opened with %+v", cfg)
				}
				if tt.open != nil {
					return nil, tt.open
				}
				return tcp.Open(tcp.Config{})
			}
			ts, err := OpenTransports(TransportConfig{
				Setting: tt.setting, RDMA: rdma.Config{Device: "mlx5_1"}, Open: open, Log: zerolog.New(&log),
			})
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v, want %v", err, tt.err)
			} else if err != nil && (strings.Contains(err.Error(), "\n") || tt.setting == "rdma" && tt.err != ErrConfig && !errors.Is(err, ErrTransport)) {
				t.Errorf("is not one line that says what is wrong: %v", err)
			}
			var got []string
			for _, tr := range ts {
				if tr.opened() {
					got = append(got, tr.Name)
				} else {
					got = append(got, "("+tr.Name+")")
				}
			}
			if strings.Join(got, " ") != tt.want || strings.Count(log.String(), "no RDMA") != tt.said {
				t.Errorf("got %q, want %q; log: %s", got, tt.want, log.String())
			}
			if err := CloseTransports(ts); err != nil {
				t.Error(err)
			}
		})
	}
}
