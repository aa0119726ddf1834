package vmtest

import (
	"fmt"
	"os"
	"strings"
)

// mark begins the lines that the suite writes into the kernel's log.
const mark = "vmtest: "

// logKernel writes a line into the kernel's log.
func logKernel(text string) {
	if f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		fmt.Fprintf(f, "<5>%s%s\n", mark, text)
		f.Close()
	}
}

// kernelLog is what the kernel has said since the scenario began. Devices of earlier scenarios had the same
// names.
func (w *World) kernelLog() string {
	w.Helper()
	log, begun := since(w.Must("dmesg"), w.id)
	if !begun {
		w.Fatalf("the kernel's log does not say when %s began: its buffer is too small", w.id)
	}
	return log
}

// since is the part of the kernel's log after the last mark of a scenario's beginning, and whether there is one.
func since(log, id string) (part string, begun bool) {
	begin := strings.LastIndex(log, mark+id+"\n")
	if begin < 0 {
		return "", false
	}
	return log[begin:], true
}
