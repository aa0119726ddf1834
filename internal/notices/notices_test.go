package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	mit = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\n" +
		"of this software and associated documentation files (the \"Software\"), to deal in it"
	gpl = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"
)

// module is a part with files, each by its path in the module.
func module(t *testing.T, files map[string]string) part {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return part{name: "example.org/m", version: "v1.2.3", root: root, folders: []string{filepath.Join(root, "a", "b")}}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  error
	}{
		"no licence":             {map[string]string{"a/b/b.go": "package b"}, errNone},
		"only below":             {map[string]string{"a/b/LICENSE": mit}, errNone},
		"only a notice":          {map[string]string{"NOTICE": "by somebody", "a/b/b.go": ""}, errNone},
		"only a Go file":         {map[string]string{"license.go": mit, "a/b/b.go": ""}, errNone},
		"GPL":                    {map[string]string{"COPYING": gpl, "a/b/b.go": ""}, errUnknown},
		"MIT with GPL":           {map[string]string{"LICENSE": mit + gpl, "a/b/b.go": ""}, errUnknown},
		"MIT, and GPL beside":    {map[string]string{"LICENSE": mit, "LICENSE.GPL": gpl, "a/b/b.go": ""}, errUnknown},
		"GPL of a linked folder": {map[string]string{"LICENSE": mit, "a/b/LICENSE": gpl}, errUnknown},
		"unknown words":          {map[string]string{"LICENSE.txt": "All rights reserved.", "a/b/b.go": ""}, errUnknown},
	} {
		_, err := module(t, c.files).notices()
		if !errors.Is(err, c.want) || err == nil || !strings.Contains(err.Error(), "example.org/m v1.2.3") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestNotices(t *testing.T) {
	m := module(t, map[string]string{"LICENSE": mit, "PATENTS": "granted", "a/COPYING": "ISC\n" + words(t, "ISC"), "a/b/b.go": "", "other/LICENSE": gpl})
	var out strings.Builder
	if err := write(&out, []part{m}); err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, want := range []string{"example.org/m v1.2.3\n", "--- LICENSE MIT\n", "obtaining a copy", "--- PATENTS\n\ngranted", "--- COPYING ISC\n"} {
		i := strings.Index(out.String()[at:], want)
		if i < 0 {
			t.Fatalf("no %q after %q", want, out.String()[:at])
		}
		at += i
	}
	refused := module(t, map[string]string{"a/b/b.go": ""})
	if err := write(&out, []part{refused, m, refused}); strings.Count(fmt.Sprint(err), "example.org/m") != 2 {
		t.Errorf("not all are told: %v", err)
	}
}

// words are those that tell a licence.
func words(t *testing.T, kind string) string {
	t.Helper()
	for _, k := range kinds {
		if k.name == kind {
			return k.words
		}
	}
	t.Fatalf("no %s", kind)
	return ""
}

// TestLinked: the modules come from the go command's list, once each, and neither ours nor Go's.
func TestLinked(t *testing.T) {
	parts, err := modulesOf(strings.NewReader(`{"ImportPath": "fmt", "Dir": "/go/fmt"}
{"ImportPath": "b.org/b/x", "Dir": "/b/x", "Module": {"Path": "b.org/b", "Version": "v2", "Dir": "/b"}}
{"ImportPath": "a.org/a", "Dir": "/a", "Module": {"Path": "a.org/a", "Version": "v1", "Dir": "/a"}}
{"ImportPath": "b.org/b/y", "Dir": "/b/y", "Module": {"Path": "b.org/b", "Version": "v2", "Dir": "/b"}}
{"ImportPath": "ours", "Dir": "/o", "Module": {"Path": "ours", "Dir": "/o", "Main": true}}`))
	want := "[{a.org/a v1 /a [/a]} {b.org/b v2 /b [/b/x /b/y]}]"
	if got := fmt.Sprint(parts); got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := modulesOf(strings.NewReader(`{"ImportPath": 1}`)); err == nil {
		t.Error("no list, no error")
	}
}
