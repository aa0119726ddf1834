package cli

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDash: the command says where the page is, serves it, and ends when it is asked to.
func TestDash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/token", "correct-horse-battery-staple\n", 0o600)
	cmd := farswap(dir, strings.Fields("dash --listen 127.0.0.1:0 --token-file token"+noConfig)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	timer := start(t, cmd)
	defer timer.Stop()
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(strings.TrimSpace(url)) // sent on to the sign-in page
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/login" || !bytes.Contains(body, []byte("<form")) {
		t.Errorf("%s: %s, %v, %.200s", resp.Request.URL, resp.Status, err, body)
	}
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
}
