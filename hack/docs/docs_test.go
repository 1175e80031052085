// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/docs/blocks"
)

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```\n")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestDocumentsNameWhatExists(t *testing.T) {
	r := read(t)
	for _, name := range []string{page, "docs/reliability.md", "CONTRIBUTING.md"} {
		for _, found := range code.FindAllStringSubmatch(fence.ReplaceAllString(document(t, name), ""), -1) {
			// Only one page is about the code; in others, words in this form are of many kinds.
			if (name == page || strings.HasSuffix(found[1], ".go")) && !r.isNamed(found[1]) {
				t.Errorf("%s names %s, which does not exist", name, found[1])
			}
		}
	}
}

// A row with functions and a file says that the file declares the functions.
func TestRowsNameTheRightFile(t *testing.T) {
	r := read(t)
	for row := range strings.Lines(document(t, page)) {
		cells := strings.Split(row, " | ")
		if len(cells) < 4 || !strings.HasSuffix(cells[2], ".go`") {
			continue
		}
		for _, function := range code.FindAllStringSubmatch(cells[1], -1) {
			if !slices.Contains(r.names[function[1]], "controllers/"+strings.Trim(cells[2], "`")) {
				t.Errorf("%s does not declare %s", cells[2], function[1])
			}
		}
	}
}

func TestPictureShowsTheImports(t *testing.T) {
	r := read(t)
	shown, nodes := map[string]bool{}, map[string]bool{}
	for _, arrow := range arrows.FindAllStringSubmatch(document(t, page), -1) {
		for to := range strings.SplitSeq(arrow[2], " & ") {
			shown[arrow[1]+" "+to], nodes[arrow[1]], nodes[to] = true, true, true
		}
	}
	for pair := range r.imports {
		from, to, _ := strings.Cut(pair, " ")
		if nodes[from] && nodes[to] && !shown[pair] {
			t.Errorf("the picture lacks an arrow: %s", pair)
		}
	}
	for pair := range shown {
		if !r.imports[pair] {
			t.Errorf("the picture has an arrow that is no import: %s", pair)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := blocks.Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pages {
		// The site has links of its own, and tests them.
		if strings.HasPrefix(file, root+"/hack/site/") {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(prose(t, file), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			to := path.Join(path.Dir(file), target)
			if target == "" {
				to = file
			}
			if strings.Contains(target, ":") {
				continue
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which does not exist", file, found[1])
			} else if anchor != "" && !slices.Contains(anchors(t, to), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", file, found[1])
			}
		}
	}
}

// anchors are those that GitHub gives the headings of a page.
func anchors(t *testing.T, file string) (all []string) {
	t.Helper()
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(document(t, file), ""), -1) {
		all = append(all, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-"))
	}
	return all
}

// prose is a page without its code.
func prose(t *testing.T, file string) string {
	t.Helper()
	return code.ReplaceAllString(fence.ReplaceAllString(document(t, file), ""), "")
}

func document(t *testing.T, name string) string {
	t.Helper()
	if !strings.HasPrefix(name, root) {
		name = filepath.Join(root, name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Users look up a reason, an event or a metric in a page; the code declares which there are.
func TestPagesHaveAllReasonsAndMetrics(t *testing.T) {
	for _, one := range []struct {
		// declared finds the names in the files. Each must be in the first column of a table.
		declared *regexp.Regexp
		files    string
		pages    []string
	}{
		{regexp.MustCompile(`(?m)^\t(?:Reason|Event)\w+ = "(\w+)"$`), "api/v1alpha1/conditions.go",
			[]string{"docs/chatthread.md", "docs/chatparticipant.md", "docs/chatconnection.md"}},
		{regexp.MustCompile(`"(acs_chat_operator_\w+)"`), "*.go", []string{"docs/metrics.md"}},
		{regexp.MustCompile(`"(acs_chat_operator_\w+)"`), "controllers/*.go", []string{"docs/metrics.md"}},
		{regexp.MustCompile(`"(acs_chat_operator_\w+)"`), "controllers/internal/*/*.go", []string{"docs/metrics.md"}},
	} {
		var all strings.Builder
		for _, name := range one.pages {
			all.WriteString(document(t, name))
		}
		names := declaredNames(t, one.files, one.declared)
		if len(names) == 0 {
			t.Errorf("%s declare none", one.files)
		}
		for _, name := range names {
			if row := regexp.MustCompile("(?m)^\\|[^|]*`" + name + "`[^|]*\\|"); !row.MatchString(all.String()) {
				t.Errorf("%s has no row for %s", strings.Join(one.pages, ", "), name)
			}
		}
	}
}

// declaredNames returns the names that a pattern finds in files other than tests.
func declaredNames(t *testing.T, files string, declared *regexp.Regexp) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(path.Join(root, files))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range declared.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	return names
}

// Each flag of the operator has a row in the page about its installation.
func TestPagesHaveAllFlags(t *testing.T) {
	flags := declaredNames(t, "main.go", regexp.MustCompile(`flags\.\w+Var\(&s\.\w+, "([a-z-]+)"`))
	if len(flags) < 15 {
		t.Errorf("main.go declares %d flags", len(flags))
	}
	rows := document(t, "docs/install.md")
	for _, name := range flags {
		if !strings.Contains(rows, "\n| `--"+name+"` | ") {
			t.Errorf("docs/install.md has no row for --%s", name)
		}
	}
}
