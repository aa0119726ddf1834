package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/cluster"
)

func TestClusterMembersShowWhoIsRefused(t *testing.T) {
	var text strings.Builder
	lines := listDonors(nil, []cluster.Conflict{{Name: "mem1", Address: "h:1", Refused: "h:2"}}, time.Now())
	if err := writeDonors(&text, lines, cluster.Stats{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "h:2") || !strings.Contains(text.String(), "refused: h:1 has its name") {
		t.Error(text.String())
	}
}
