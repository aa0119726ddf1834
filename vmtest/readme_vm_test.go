//go:build vm

package vmtest

import (
	"path/filepath"
	"time"
)

// readmeTrial runs the trial that README.md offers, as it stands there.
func readmeTrial(w *World) {
	script, err := filepath.Abs("vmtest/readme-trial") // the suite runs in the repository
	if err != nil {
		w.Fatal(err)
	}
	w.Log(w.Start(nil, script).Succeed(330 * time.Second))
}
