package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Reasons to refuse what a program links.
var (
	errNone    = errors.New("no licence file")
	errUnknown = errors.New("a licence that is not on the list of allowed ones")
)

// kinds are the licences under which code may be linked, by words that only they have. All but the
// last three ask no more of whoever passes the programs on than to pass the notices on, and MPL-2.0
// also the module's source where it was changed, which it is not. The last three are those of fonts
// and drawings of gonum/plot, and ask for the notices as well.
var kinds = []struct{ name, words string }{
	{"Apache-2.0", "apache license version 2.0, january 2004"},
	{"MPL-2.0", "mozilla public license, version 2.0"},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"},
	{"BSD", "redistribution and use in source and binary forms, with or without modification, are permitted provided that"},
	{"FTL", "subject to your choice of exactly one of the following two licenses: * the freetype license"},
	{"FTL", "the freetype project license"},
	{"OFL-1.1", "sil open font license, version 1.1"},
	{"CC-BY-4.0", "creative commons attribution 4.0 international"},
}

// manyGNU are the names of licences that ask for the source of the whole program. MPL-2.0 names
// them as others that may take its place, and FTL as the other choice.
var manyGNU = regexp.MustCompile(`gnu (affero |lesser |library )?general public license`)

// licenceName matches the files with licences and what comes with them: notices of authors, which
// Apache-2.0 wants passed on, and grants of patents.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|notice|patents|ftl)([-.].*)?$`)

// isGrant says whether a file of that name comes with a licence and is none.
func isGrant(name string) bool {
	upper := strings.ToUpper(name)
	return strings.HasPrefix(upper, "NOTICE") || strings.HasPrefix(upper, "PATENTS")
}

// kindOf names the licence that a text is. The error wraps errUnknown.
func kindOf(text string) (string, error) {
	// Lines, stars and capitals differ from copy to copy.
	plain := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, k := range kinds {
		if !strings.Contains(plain, k.words) {
			continue
		}
		if k.name != "MPL-2.0" && k.name != "FTL" && manyGNU.MatchString(plain) {
			return "", fmt.Errorf("%w: it is %s and speaks of %s", errUnknown, k.name, manyGNU.FindString(plain))
		}
		return k.name, nil
	}
	return "", errUnknown
}

// file is one licence, notice or grant.
type file struct {
	name, kind, text string // the kind of a grant is empty
}

// licences reads those of a folder. The folders are searched one by one, without those below them.
// Errors wrap errUnknown or those of package os.
func licences(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []file
	for _, e := range entries {
		if !licenceName.MatchString(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if e.IsDir() { // the texts that a file beside it speaks of
			below, err := licences(path)
			if err != nil {
				return nil, err
			}
			found = append(found, below...)
			continue
		}
		if strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f := file{name: e.Name(), text: string(text)}
		if !isGrant(e.Name()) {
			if f.kind, err = kindOf(f.text); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		found = append(found, f)
	}
	return found, nil
}
