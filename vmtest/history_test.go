package vmtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

func historyOn(t *testing.T) History {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 128*pageSize), 0o600); err != nil {
		t.Fatal(err)
	}
	return History{Path: path, Seed: 7, Workers: 2, Pages: 64, Run: 16, Ops: 300, Discard: DiscardFile, Cached: true}
}

func TestHistoryOnFile(t *testing.T) {
	h := historyOn(t)
	h.Done = new(atomic.Int64)
	n, err := h.Play(context.Background())
	if err != nil || n.Writes == 0 || n.Reads == 0 || n.Discards == 0 {
		t.Errorf("got %+v, %v", n, err)
	}
	if done := h.Done.Load(); done != int64(h.Workers*h.Ops) {
		t.Errorf("%d operations are done, want %d of each of %d workers", done, h.Ops, h.Workers)
	}
}

// A discard that does nothing leaves pages as they were: that must be seen.
func TestHistorySeesWrongPages(t *testing.T) {
	h := historyOn(t)
	h.Discard = func(*os.File, int64, int64) error { return nil }
	if _, err := h.Play(context.Background()); !errors.Is(err, ErrWrong) {
		t.Errorf("got %v", err)
	}
}

func TestCheckPage(t *testing.T) {
	page := make([]byte, pageSize)
	fillPage(page, 42)
	if _, ok := checkPage(page, 42); !ok {
		t.Error("a right page was refused")
	}
	page[pageSize-1] ^= 1
	if _, ok := checkPage(page, 42); ok {
		t.Error("a flipped bit was not seen")
	}
	clear(page)
	if _, ok := checkPage(page, 0); !ok {
		t.Error("zeros were refused")
	}
}
