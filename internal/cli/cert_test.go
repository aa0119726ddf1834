package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// certificates are an authority, the identities db1 and mem1, and what was issued, in a folder.
func certificates(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, c := range []struct{ args, says string }{
		{"cert init ca", "made a certificate authority in ca: keep ca.key secret\n"},
		{"cert issue --ca ca --name db1 --role device --role viewer db1", "issued db1 (device, viewer) in db1: copy that folder to its machine, for --cert\n"},
		{"cert issue --ca ca --name mem1 --host 10.0.0.7 mem1", "issued mem1 (donor) in mem1: copy that folder to its machine, for --cert\n"},
	} {
		if got := execute(t, dir, strings.Fields(c.args)...); got != (result{stdout: c.says}) {
			t.Fatalf("%s: %+v", c.args, got)
		}
	}
	return dir
}

// issued is what `cert list --json` prints.
func issued(t *testing.T, dir string) (list []control.Issued) {
	t.Helper()
	got := execute(t, dir, "cert", "list", "--ca", "ca", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || got.code != 0 || got.stderr != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	return list
}

// TestCertList: what was issued, renewed and revoked, as a table and as JSON.
func TestCertList(t *testing.T) {
	dir := t.TempDir()
	if got := execute(t, dir, "cert", "init", "ca"); got.code != 0 {
		t.Fatal(got)
	}
	if got := execute(t, dir, "cert", "list", "--ca", "ca", "--json"); got != (result{stdout: "[]\n"}) {
		t.Errorf("nothing issued: %+v", got)
	}
	dir = certificates(t)
	if got := execute(t, dir, "cert", "renew", "--ca", "ca", "db1"); got.code != 0 {
		t.Fatal(got)
	}
	if got := execute(t, dir, "cert", "revoke", "--ca", "ca", "mem1"); got.code != 0 {
		t.Fatal(got)
	}
	list := issued(t, dir)
	if len(list) != 3 || list[0].Name != "db1" || list[1].Name != "mem1" || list[2].Name != "db1" || list[0].Serial == list[2].Serial ||
		control.JoinRoles(list[2].Roles, "+") != "device+viewer" || list[0].Revoked != nil || list[1].Revoked == nil {
		t.Errorf("%+v", list)
	}
	got := execute(t, dir, "cert", "list", "--ca", "ca")
	want := `^NAME +ROLES +SERIAL +ENDS +STATE
db1 +device, viewer +[0-9A-F]+ +20\d\d-\d\d-\d\d +good
mem1 +donor +[0-9A-F]+ +20\d\d-\d\d-\d\d +revoked 20\d\d-\d\d-\d\d
db1 +device, viewer +[0-9A-F]+ +20\d\d-\d\d-\d\d +good
$`
	if got.code != 0 || got.stderr != "" || !regexp.MustCompile(want).MatchString(got.stdout) {
		t.Errorf("%+v", got)
	}
}

// TestCertShow: the certificate of a folder, as text and as JSON.
func TestCertShow(t *testing.T) {
	dir := certificates(t)
	serial := issued(t, dir)[1].Serial
	got := execute(t, dir, "cert", "show", "mem1")
	for _, line := range []string{"name +mem1", "roles +donor", "hosts +10.0.0.7, mem1", "serial +" + serial, "authority +farswap", `ends +20\d\d-\d\d-\d\d, in 7(29|30) days`} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(got.stdout) {
			t.Errorf("%q does not say %s", got.stdout, line)
		}
	}
	if got.code != 0 || got.stderr != "" {
		t.Errorf("%+v", got)
	}
	var shown struct {
		control.Issued
		Authority   string `json:"authority"`
		RolesStated bool   `json:"roles_stated"`
		SecondsLeft int64  `json:"seconds_left"`
	}
	got = execute(t, dir, "cert", "show", "--json", "mem1")
	if err := json.Unmarshal([]byte(got.stdout), &shown); err != nil || shown.Serial != serial || shown.Authority != "farswap" || !shown.RolesStated ||
		shown.SecondsLeft != int64(time.Until(shown.NotAfter).Seconds()) && shown.SecondsLeft > int64(time.Until(shown.NotAfter).Seconds())+600 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestCertRenew: a renewed certificate has another key, and trusts a new authority beside the old one.
func TestCertRenew(t *testing.T) {
	dir := certificates(t)
	before, err := os.ReadFile(filepath.Join(dir, "db1", "identity.key"))
	if err != nil {
		t.Fatal(err)
	}
	says := regexp.MustCompile(`^renewed db1 \(device, viewer\) in db1 until 20\d\d-\d\d-\d\d\n$`)
	if got := execute(t, dir, "cert", "renew", "--ca", "ca", "db1"); got.code != 0 || got.stderr != "" || !says.MatchString(got.stdout) {
		t.Errorf("%+v", got)
	}
	if got := execute(t, dir, "cert", "renew", "--ca", "ca", "--role", "device", "db1"); got.code != 0 || !strings.HasPrefix(got.stdout, "renewed db1 (device) in db1 until") {
		t.Errorf("%+v", got)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "db1", "identity.key")); err != nil || string(after) == string(before) {
		t.Errorf("the key is that of before: %v", err)
	}
	for _, args := range []string{"cert init --name second other", "cert renew --ca other db1"} {
		if got := execute(t, dir, strings.Fields(args)...); got.code != 0 {
			t.Fatalf("%s: %+v", args, got)
		}
	}
	if got := execute(t, dir, "cert", "show", "db1"); !regexp.MustCompile(`(?m)^authority +second$`).MatchString(got.stdout) {
		t.Errorf("%+v", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "db1", "ca.crt"))
	if err != nil || strings.Count(string(text), "BEGIN CERTIFICATE") != 2 {
		t.Errorf("it trusts %s, %v", text, err)
	}
}

// TestCertRevoke: by name, by serial number, again, and one that there is no record of.
func TestCertRevoke(t *testing.T) {
	dir := certificates(t)
	list := issued(t, dir)
	const copyIt = "copy ca/ca.crl to every donor, device and dashboard, for --revoked\n"
	for _, c := range []struct{ what, says string }{
		{"db1", "revoked db1 " + list[0].Serial + "\n" + copyIt},
		{"db1", copyIt},
		{list[1].Serial, "revoked mem1 " + list[1].Serial + "\n" + copyIt},
		{strings.Repeat("0f:", 15) + "0f", "revoked  " + strings.Repeat("0F", 16) + "\n" + copyIt},
	} {
		if got := execute(t, dir, "cert", "revoke", "--ca", "ca", c.what); got != (result{stdout: c.says}) {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
	if got := execute(t, dir, "cert", "list", "--ca", "ca"); !regexp.MustCompile(`(?m)^- +- +` + strings.Repeat("0F", 16) + ` +20\d\d-\d\d-\d\d +revoked`).MatchString(got.stdout) {
		t.Errorf("%+v", got)
	}
}

// TestRereadOnSIGHUP: a donor takes up the names in its configuration file.
func TestRereadOnSIGHUP(t *testing.T) {
	dir := certificates(t)
	config := filepath.Join(dir, "donor.toml")
	write(t, config, "cert = 'mem1'\nallow = ['db1=4M']\n", 0o600)
	cmd, _ := startDonor(t, dir, "--config", config)
	socket := status.Socket(status.DonorDir(filepath.Join(dir, "state"), "d"))
	names := func() (list []string) {
		s, err := status.FetchDonor(t.Context(), socket)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range s.Identities {
			list = append(list, i.Name)
		}
		return list
	}
	for _, c := range []struct{ text, want string }{
		{"cert = 'mem1'\nallow = ['db1=4M', 'db2']\n", "db1 db2"},
		{"cert = 'mem1'\nallow = ['db3']\n", "db3"},
	} {
		write(t, config, c.text, 0o600)
		if err := cmd.Process.Signal(unix.SIGHUP); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(commandTimeout)
		for strings.Join(names(), " ") != c.want {
			if time.Now().After(deadline) {
				t.Fatalf("with %q the donor allows %v, want %s", c.text, names(), c.want)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
