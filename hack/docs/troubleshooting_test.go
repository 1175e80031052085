// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const troubleshooting = "docs/troubleshooting.md"

var (
	// reasonSection is the heading of a reason, and its first line.
	reasonSection = regexp.MustCompile(`(?m)^### ([A-Z]\w+)\n\n(.*)\n`)
	reasonKinds   = regexp.MustCompile(`Chat(?:Connection|Thread|Participant)\b`)
	reasonState   = regexp.MustCompile(`, (Ready|Reconciling|Stalled)\.`)
	reasonRow     = regexp.MustCompile("(?m)^\\| `([A-Z]\\w+)` \\| (Ready|Reconciling|Stalled) \\|")
	// formatVerb is a place of a message that varies.
	formatVerb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)
)

// The page has a section for each reason that a condition can have, in the order of the alphabet.
func TestTroubleshootingHasAllReasons(t *testing.T) {
	want := declaredNames(t, "api/v1alpha1/conditions.go", regexp.MustCompile(`(?m)^\tReason\w+ = "(\w+)"$`))
	slices.Sort(want)
	var got []string
	for _, found := range reasonSection.FindAllStringSubmatch(between(t, troubleshooting, "\n## Reasons\n"), -1) {
		got = append(got, found[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons in the code and in %s: -want +got\n%s", troubleshooting, diff)
	}
}

// The section of a reason names the kinds and the state that the pages of the kinds have for it.
func TestTroubleshootingAgreesWithTheKinds(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for kind, file := range map[string]string{
		"ChatConnection": "docs/chatconnection.md", "ChatThread": "docs/chatthread.md", "ChatParticipant": "docs/chatparticipant.md",
	} {
		for _, row := range reasonRow.FindAllStringSubmatch(between(t, file, "\n## Reasons\n"), -1) {
			want[kind+" "+row[1]] = row[2]
		}
	}
	for _, found := range reasonSection.FindAllStringSubmatch(between(t, troubleshooting, "\n## Reasons\n"), -1) {
		before, _, _ := strings.Cut(found[2], ".")
		state := reasonState.FindStringSubmatch(found[2])
		if state == nil {
			t.Errorf("%s names no state", found[1])
			continue
		}
		for _, kind := range reasonKinds.FindAllString(before, -1) {
			got[kind+" "+found[1]] = state[1]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds and states of reasons, in the pages of the kinds and in %s: -want +got\n%s", troubleshooting, diff)
	}
}

// What the page quotes as a message can be put together from the strings of the code.
func TestTroubleshootingQuotesTheCode(t *testing.T) {
	pieces := pieces(t)
	count, isQuoting := 0, false
	for row := range strings.Lines(document(t, troubleshooting)) {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		switch {
		case !strings.HasPrefix(row, "|"):
			isQuoting = false
		case first == "message" || first == "log or event":
			isQuoting = true
		}
		if !isQuoting {
			continue
		}
		for _, quoted := range code.FindAllStringSubmatch(first, -1) {
			for words := range strings.SplitSeq(quoted[1], "…") {
				// A single word is a name, or too short to prove anything.
				if words = strings.Trim(words, " ().,;:"); strings.Contains(words, " ") {
					count++
					if !isMadeOf(words, pieces) {
						t.Errorf("%s quotes %q, and no message has these words", troubleshooting, words)
					}
				}
			}
		}
	}
	if count < 80 {
		t.Errorf("%s quotes only %d messages", troubleshooting, count)
	}
}

// pieces are the strings of the operator, cut where they vary.
func pieces(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob(root + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root+"/controllers", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".go" {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if value, err := strconv.Unquote(literal.Value); err == nil {
					all = append(all, formatVerb.Split(value, -1)...)
				}
			}
			return true
		})
	}
	return all
}

// shortest is the length from which a piece says something.
const shortest = 4

// isMadeOf reports whether words are a part of one piece, or a row of them, of which the first may
// lack its beginning and the last its end.
func isMadeOf(words string, pieces []string) bool {
	reached := map[int]bool{0: true}
	for at := range len(words) {
		if !reached[at] {
			continue
		}
		for _, piece := range pieces {
			if len(piece) < shortest {
				continue
			}
			if at == 0 && strings.Contains(piece, words) || strings.HasPrefix(piece, words[at:]) {
				return true
			}
			if rest, ok := strings.CutPrefix(words[at:], piece); ok {
				reached[len(words)-len(rest)] = true
			}
			for n := len(piece) - 1; at == 0 && n >= shortest; n-- {
				if rest, ok := strings.CutPrefix(words, piece[len(piece)-n:]); ok {
					reached[len(words)-len(rest)] = true
				}
			}
		}
	}
	return reached[len(words)]
}

// between returns the section of a page that begins with a heading.
func between(t *testing.T, file, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(document(t, file), heading)
	if !found {
		t.Fatalf("%s has no section %q", file, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}
