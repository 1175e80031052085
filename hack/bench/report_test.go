// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A measurement replaces its own section of the page, and leaves the rest alone.
func TestReport(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.md")
	page := "before\n<!-- bulk: begin -->\nold\n<!-- bulk: end -->\nbetween\n<!-- fleet: begin -->\nkept\n<!-- fleet: end -->\n"
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &report{file: file}
	if err := r.put(section{name: "bulk", text: "Many.", head: []string{"figure", "value"}, rows: [][]string{{"a", "1"}}}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n<!-- bulk: begin -->\n\nMany.\n\n| figure | value |\n| --- | --- |\n| a | 1 |\n", "<!-- bulk: end -->\nbetween\n", "\nkept\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Errorf("the old section is still there:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("<!-- bulk: begin -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.put(section{name: "bulk"}); err == nil {
		t.Error("a section without an end was replaced")
	}
}

// Each size can be set by a variable of make.
func TestVariables(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	(&settings{}).bind(flags)
	flags.VisitAll(func(f *flag.Flag) {
		_, list, _ := strings.Cut(string(makefile), "bench-flags = $(foreach name,")
		list, _, _ = strings.Cut(list, ",")
		if !strings.Contains(" "+list+" ", " "+f.Name+" ") {
			t.Errorf("make sets no flag -%s", f.Name)
		}
	})
	for name := range variables {
		if flags.Lookup(name) == nil {
			t.Errorf("there is no flag -%s", name)
		}
	}
}

// Only a count above its budget is a failure.
func TestVerdict(t *testing.T) {
	t.Parallel()
	b := &bench{}
	b.atMost("requests", 3, 3)
	if err := b.verdict(); err != nil {
		t.Error(err)
	}
	b.atMost("requests", 3.1, 3)
	if err := b.verdict(); err == nil || !strings.Contains(err.Error(), "requests: 3.10, want at most 3.00") {
		t.Errorf("got %v", err)
	}
}

// The ratio of two programs is that of their turns, one by one.
func TestRatios(t *testing.T) {
	t.Parallel()
	seconds := func(all ...int) []time.Duration {
		durations := make([]time.Duration, len(all))
		for i, s := range all {
			durations[i] = time.Duration(s) * time.Second
		}
		return durations
	}
	if got, want := ratios(seconds(2, 9, 4), seconds(1, 3, 4)), "2.00 × (1.00 to 3.00)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := spread(seconds(3, 1, 2)), "2.00 s (1.00 to 3.00)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
