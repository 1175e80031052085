// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Names of metrics in docs/metrics.md: those in the first column of a table.
var (
	metricsRow  = regexp.MustCompile(`(?m)^\| (` + "`[a-z_]+`(?:, `[a-z_]+`)*" + `) \|`)
	metricsName = regexp.MustCompile("`([a-z_]+)`")
)

// testMetricsPage asks for each metric that the page lists: a real operator shows it.
func (w *world) testMetricsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, row := range metricsRow.FindAllSubmatch(page, -1) {
		for _, name := range metricsName.FindAllSubmatch(row[1], -1) {
			names++
			shown, err := w.query(t.Context(), `{__name__=~"`+string(name[1])+`(_count)?"}`)
			if err != nil || len(shown) == 0 {
				t.Errorf("docs/metrics.md lists %s, which a real operator does not show (%v)", name[1], err)
			}
		}
	}
	if names < 25 {
		t.Errorf("docs/metrics.md lists %d metrics", names)
	}
}
