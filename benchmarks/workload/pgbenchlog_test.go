package workload

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadTransactions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"log.1":   "0 1 1000 0 1700000000 500000\n1 1 2000 0 1700000000 600000\n",
		"log.1.1": "2 1 3000 0 1700000001 499000\n3 1 4000 0 1700000001 100000 17\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readTransactions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p50 := got.latency.ValueAtQuantile(50); got.done != 4 || got.seconds != 1 || p50 < 1_999_000 || p50 > 2_001_000 {
		t.Errorf("%d transactions in %v s, p50 %d ns", got.done, got.seconds, p50)
	}
	if _, err := readTransactions(t.TempDir()); !errors.Is(err, ErrWrong) {
		t.Errorf("no log: %v", err)
	}
}

func TestParseTransactionRefuses(t *testing.T) {
	for _, line := range []string{"", "0 1 failed 0 1 2", "0 1 2 0 1", "0 1 -2 0 1 2", "0 1 2 0 1 1000000", "0 1 9999999999999 0 1 2"} {
		if _, _, err := parseTransaction(line); !errors.Is(err, errReply) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestCheckBalances(t *testing.T) {
	if err := checkBalances("-7|-7|-7|-7|3", 3); err != nil {
		t.Error(err)
	}
	for answer, want := range map[string]error{
		"-7|-7|-7|8|3": ErrWrong, "-7|-7|8|-7|3": ErrWrong, "-7|8|-7|-7|3": ErrWrong, "8|-7|-7|-7|3": ErrWrong,
		"-7|-7|-7|-7|4": ErrWrong, "-7|-7|-7|-7": errReply, "": errReply,
	} {
		if err := checkBalances(answer, 3); !errors.Is(err, want) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// FuzzParseTransaction: what is accepted has its parts in range.
func FuzzParseTransaction(f *testing.F) {
	f.Add("0 1 1000 0 1700000000 500000")
	f.Add("0 1 skipped 0 1700000000 500000 3")
	f.Fuzz(func(t *testing.T, line string) {
		end, latency, err := parseTransaction(line)
		if err == nil && (end < 0 || latency < 0 || latency > int64(maxLatency)/1000 || len(strings.Fields(line)) < 6) {
			t.Errorf("%q: end %d, latency %d", line, end, latency)
		}
	})
}
