// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/docs/blocks"
)

// Every block of code of every page is checked by its language: there is no way to mark one as not
// tested, except that text is for what is neither code nor a command.
func TestBlocks(t *testing.T) {
	checker, err := blocks.NewChecker(root)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := blocks.Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range pages {
		found, err := blocks.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range found {
			count++
			for _, err := range checker.Check(block) {
				t.Errorf("%s:%d: %v", block.File, block.Line, err)
			}
		}
		for _, err := range checker.CheckProse(document(t, file)) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if count < 90 {
		t.Errorf("there are only %d blocks", count)
	}
}

// Two headings of a page with the same words would have the same anchor.
func TestHeadingsAreUnique(t *testing.T) {
	pages, err := blocks.Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pages {
		seen := map[string]bool{}
		for _, anchor := range anchors(t, file) {
			if seen[anchor] && file != root+"/CHANGELOG.md" && file != root+"/docs/api-reference.md" {
				t.Errorf("%s has two headings #%s", file, anchor)
			}
			seen[anchor] = true
		}
	}
}
