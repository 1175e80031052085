// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/docs/blocks"
)

// measuredFigure is a figure with a part behind the point and a unit: nobody chooses such a number.
var measuredFigure = regexp.MustCompile(`\b\d+\.\d+ (?:s|ms|MiB|KiB|%)(?:[^a-z]|$)`)

// Measured figures are on one page, which a program writes. What another page repeats must be
// there.
func TestScalingQuotesTheMeasurements(t *testing.T) {
	measured := document(t, "docs/performance.md")
	page := document(t, "docs/scaling.md")
	_, table, found := strings.Cut(page, "| what | measured |\n")
	if !found {
		t.Fatal("docs/scaling.md has no table of what was measured")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "|\n "), " | ")
		if len(cells) != 2 {
			continue
		}
		rows++
		if !strings.Contains(measured, cells[1]) {
			t.Errorf("docs/scaling.md has %q for %q, and docs/performance.md does not", cells[1], cells[0])
		}
	}
	if rows < 5 {
		t.Errorf("the table has only %d rows", rows)
	}
	for _, figure := range measuredFigure.FindAllString(page, -1) {
		if figure = strings.TrimRight(figure, " \n,;.|)"); !strings.Contains(measured, figure) {
			t.Errorf("docs/scaling.md has the figure %q, and docs/performance.md does not", figure)
		}
	}
}

// A glossary of words that no page uses helps nobody, and a second name for a thing confuses.
func TestGlossaryIsUsed(t *testing.T) {
	pages, err := blocks.Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range pages {
		if strings.HasSuffix(file, "/docs/glossary.md") {
			continue
		}
		words := strings.ToLower(strings.Join(strings.Fields(document(t, file)), " "))
		text.WriteString(words + "\n")
	}
	terms := 0
	for row := range strings.Lines(document(t, "docs/glossary.md")) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) != 5 || cells[1] == "---" || cells[1] == " term " {
			continue
		}
		terms++
		if term := strings.ToLower(strings.TrimSpace(cells[1])); !strings.Contains(text.String(), term) {
			t.Errorf("no page uses the term %q", term)
		}
		if other := strings.ToLower(strings.TrimSpace(cells[3])); other != "" && strings.Contains(text.String(), other) {
			t.Errorf("a page says %q: the term is %q", other, cells[1])
		}
	}
	if terms < 30 {
		t.Errorf("the glossary has only %d terms", terms)
	}
}
