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

// since is the part of the kernel's log after the last mark of a scenario's beginning, and whether there is one.
func since(log, id string) (part string, begun bool) {
	begin := strings.LastIndex(log, mark+id+"\n")
	if begin < 0 {
		return "", false
	}
	return log[begin:], true
}
