// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// columns matches the blanks between the columns of the table.
var columns = regexp.MustCompile(` {2,}`)

func TestLargestCircle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uses graph
		want string
	}{
		"none":         {graph{"a": set("b"), "b": set("c"), "c": nil}, "a"},
		"two":          {graph{"a": set("b"), "b": set("a"), "c": set("a")}, "a b"},
		"through more": {graph{"a": set("b"), "b": set("c"), "c": set("a"), "d": set("c e"), "e": set("d")}, "a b c"},
		"empty":        {graph{}, ""},
	} {
		if got := strings.Join(largestCircle(test.uses), " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestLongFunctions(t *testing.T) {
	t.Parallel()
	body := func(lines int) string { return " {\n" + strings.Repeat("\n", lines-2) + "}\n" }
	got := longFunctions(parse(t, "package p\n"+
		"func short()"+body(maxFunctionLines)+
		"// long has a comment.\nfunc long()"+body(maxFunctionLines+1)+
		"func (r *T[K]) method()"+body(maxFunctionLines+2)))
	want := []string{"p.go:63 long 61", "p.go:124 (*T[K]).method 62"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range comments(parse(t, "// Copyright 2026 us.\n\n//go:build linux\n\n"+
		"// Package p is\n// one paragraph.\n//\n//\tcode := skipped\n//\n//  - item one\n//  - item two\n// +marker:skipped\npackage p\n"+
		"var x int //nolint:unused // skipped\nvar y int // `y` of https://example.test/y stays\n")) {
		got = append(got, p.path+" "+p.text)
	}
	want := []string{
		"p.go:5 Package p is one paragraph.",
		"p.go:5 item one",
		"p.go:5 item two",
		"p.go:15 code of link stays",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestProseOfDocument(t *testing.T) {
	t.Parallel()
	got := paragraphs(proseLines("# Heading\nOne [link](to/a.md)\nparagraph with `a | b`.\n```\nfence\n```\n" +
		"> Quoted.\n\n| head | skipped |\n|:---|---|\n| cell `x|y` | **second** |\n1. First\n   item\n- Second item\n"))
	want := []string{
		"One link paragraph with code.", "Quoted.", "cell code", "**second**", "First item", "Second item",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
