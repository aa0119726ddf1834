package farswap_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// pageSizes are the most bytes of pages that people read from top to bottom.
var pageSizes = map[string]int{"README.md": 9 << 10, "ARCHITECTURE.md": 12 << 10}

func TestPagesAreShort(t *testing.T) {
	for path, most := range pageSizes {
		if n := len(readPage(t, path)); n > most {
			t.Errorf("%s has %d bytes, at most %d: move details into docs/", path, n, most)
		}
	}
}

// TestLinks follows every link from one page to another file or heading of this project.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	followed := 0
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(withoutCode(readPage(t, page)), -1) {
			to := m[1] + m[2]
			if strings.Contains(to, "://") {
				continue
			}
			followed++
			file, heading, wantsHeading := strings.Cut(to, "#")
			path := page
			if file != "" {
				path = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: link to %s: %v", page, to, err)
				continue
			}
			if wantsHeading && !slices.Contains(headings(readPage(t, path)), heading) {
				t.Errorf("%s: link to %s: %s has no such heading", page, to, path)
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links were followed", followed)
	}
}

// TestReferenceHasAllFlags compares docs/reference.md with the recorded list of commands,
// flags and defaults, in both directions.
func TestReferenceHasAllFlags(t *testing.T) {
	sections := sections(readPage(t, "docs/reference.md"))
	for command, flags := range recordedFlags(t) {
		section, ok := sections[command]
		if !ok {
			t.Errorf("docs/reference.md has no heading %q", command)
			continue
		}
		rows := flagRows(section)
		for name, def := range flags {
			told, ok := rows[name]
			if !ok {
				t.Errorf("docs/reference.md: %s: no row for --%s", command, name)
			}
			if told != "" && told != strings.Trim(def, "[]") {
				t.Errorf("docs/reference.md: %s --%s: default %q, the program has %q", command, name, told, def)
			}
		}
		for name := range rows {
			if _, ok := flags[name]; !ok {
				t.Errorf("docs/reference.md: %s has no flag --%s", command, name)
			}
		}
	}
}

// TestReferenceHasAllKeys looks for every recorded JSON key in docs/reference.md.
func TestReferenceHasAllKeys(t *testing.T) {
	_, text, _ := strings.Cut(readPage(t, "docs/reference.md"), "\n## JSON\n")
	text, _, _ = strings.Cut(text, "\n## ")
	looked := 0
	for line := range strings.Lines(readPage(t, "status/testdata/keys.txt")) {
		path, _, _ := strings.Cut(line, " ")
		for _, key := range strings.Split(path, ".")[1:] {
			looked++
			if key = strings.ReplaceAll(key, "[]", ""); !strings.Contains(text, "`"+key+"`") {
				t.Errorf("docs/reference.md does not have the key %q of %s", key, path)
			}
		}
	}
	if looked < 100 {
		t.Errorf("only %d keys were looked for", looked)
	}
}

// TestExamplesUseRealFlags looks up each flag that a command line in a page gives to farswap.
func TestExamplesUseRealFlags(t *testing.T) {
	recorded := recordedFlags(t)
	line := regexp.MustCompile(`\bfarswap ([^#|;&)]*)`)
	flag := regexp.MustCompile(`--([a-z][a-z-]*)`)
	looked := 0
	for _, page := range pages(t) {
		for _, m := range line.FindAllStringSubmatch(strings.ReplaceAll(onlyCode(readPage(t, page)), "\\\n", " "), -1) {
			text, _, _ := strings.Cut(m[1], "\n")
			command := "farswap"
			for _, word := range strings.Fields(text) {
				if _, ok := recorded[command+" "+word]; !ok {
					break
				}
				command += " " + word
			}
			for _, f := range flag.FindAllStringSubmatch(text, -1) {
				looked++
				if _, ok := recorded[command][f[1]]; !ok && f[1] != "log-level" && f[1] != "help" {
					t.Errorf("%s: `farswap %s`: %s has no flag --%s", page, strings.TrimSpace(text), command, f[1])
				}
			}
		}
	}
	if looked < 30 {
		t.Errorf("only %d flags were looked up", looked)
	}
}

// TestTrialIsMarked checks that vmtest/readme-trial finds the block that it runs.
func TestTrialIsMarked(t *testing.T) {
	_, after, ok := strings.Cut(readPage(t, "README.md"), "\n<!-- trial:")
	_, block, fenced := strings.Cut(after, "-->\n```bash\n")
	block, _, closed := strings.Cut(block, "\n```\n")
	if !ok || !fenced || !closed || !strings.Contains(block, "farswap ublk add") || !strings.Contains(block, "swapoff") {
		t.Error("README.md: the trial is not the block right after the comment <!-- trial: … -->")
	}
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// pages are the paths of all Markdown files that people write; golden files of tests are not.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || path == "out") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 8 {
		t.Fatalf("only %d pages: %v", len(found), found)
	}
	return found
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inline = regexp.MustCompile("`[^`\n]*`")
)

// withoutCode is a page without its blocks of code and words of code.
func withoutCode(page string) string {
	return inline.ReplaceAllString(fence.ReplaceAllString(page, ""), "")
}

// onlyCode is the blocks of code of a page.
func onlyCode(page string) string { return strings.Join(fence.FindAllString(page, -1), "\n") }

// headings are the fragments by which links reach the headings of a page, as GitHub makes
// them: lower case, spaces become dashes, and punctuation goes.
func headings(page string) []string {
	var found []string
	for line := range strings.Lines(fence.ReplaceAllString(page, "")) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		text := strings.TrimSpace(strings.TrimLeft(line, "#"))
		found = append(found, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, text))
	}
	return found
}

// sections maps the headings of a page that have three # to the text below each.
func sections(page string) map[string]string {
	found := map[string]string{}
	for _, part := range strings.Split(page, "\n### ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		found[heading] = text
	}
	return found
}

// flagRows maps the flags in the table of a section to the defaults there.
func flagRows(section string) map[string]string {
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (?:`([^`]*)`)? ?\\|").FindAllStringSubmatch(section, -1) {
		rows[m[1]] = m[2]
	}
	return rows
}

// recordedFlags reads the list of commands with which the tests of the command line
// compare: for each command, its flags and their defaults.
func recordedFlags(t *testing.T) map[string]map[string]string {
	t.Helper()
	var lists []string
	for _, pattern := range []string{"cmd/farswap/testdata/commands.txt", "internal/cli/testdata/commands.txt", "internal/cli/*/testdata/commands.txt"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, found...)
	}
	if len(lists) != 1 {
		t.Fatalf("want one recorded list of commands, found %v", lists)
	}
	flag := regexp.MustCompile(`^(.*?) --(\S+) \S.* = "(.*)"$`)
	commands, flags := map[string]map[string]string{}, 0
	for line := range strings.Lines(readPage(t, lists[0])) {
		line = strings.TrimSuffix(line, "\n")
		if m := flag.FindStringSubmatch(line); m != nil {
			flags++
			commands[m[1]][m[2]] = m[3]
			continue
		}
		commands[strings.TrimSuffix(line, " (hidden)")] = map[string]string{}
	}
	if flags < 100 {
		t.Fatalf("%s has only %d flags", lists[0], flags)
	}
	return commands
}
