// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads a file p.go with this content.
func parse(t *testing.T, content string) source {
	t.Helper()
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, "p.go", content, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: "p.go", syntax: syntax, set: set}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	got := sentences(`One has a number, e.g. 2.5 of them. "Is it two?" yes it is (so it ends.) 12 of. It has no end`)
	want := []string{
		"One has a number, e.g. 2.5 of them.", `"Is it two?"`, "yes it is (so it ends.)", "It has no end",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFreeRelatives(t *testing.T) {
	t.Parallel()
	for sentence, want := range map[string]int{
		"It deletes what was created.":                   1,
		"Whoever may write it, whatever it is, may.":     2,
		"Who is added need not wait.":                    1,
		"It is up to the operator who may list.":         0,
		"It says who may list, and whose thread it is.":  2,
		"The user who created the thread may delete it.": 0,
		"A thread whose owner was deleted is kept.":      0,
		"What is it?":     0,
		`"What is it?"`:   0,
		"Somewhat whole.": 0,
	} {
		if got := freeRelatives(sentence); got != want {
			t.Errorf("%q: %d, want %d", sentence, got, want)
		}
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"The next pass writes nothing; two passes do not.": 2,
		"The tests must pass.":                             0,
		"A value may pass through it and passes through.":  0,
		"It passed and is passing a bypass.":               0,
	} {
		if got := uses(text, []string{"pass", "passes"}); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	names := set("pass withPass HTTPPass TestPassesOnce password bypass Passed surpasses pass2")
	got := named(names, []string{"pass", "passes"})
	if want := []string{"HTTPPass", "TestPassesOnce", "pass", "pass2", "withPass"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
