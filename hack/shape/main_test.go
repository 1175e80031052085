// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

const wantTable = `
controllers: files | 3 | about 17
controllers: lines | 42 | at most 3400
controllers: files in the largest circle | 2 | at most 8
controllers: names at package level | 11 | -
controllers: most fields of a struct | 6 (threadScope) | -
controllers: functions that write to threadScope or run | 6 | 0
controllers/internal/plan: files | 1 | -
controllers/internal/plan: lines | 14 | -
controllers/internal/plan: files in the largest circle | 1 | at most 8
controllers/internal/plan: exported names | 2 | at most 15
functions over 60 lines | 0 | 0
files over 400 lines | 0 | 0
functions over 60 lines, tests | 0 | 0
files over 400 lines, tests | 0 | 0
comments of controllers: sentences | 5 | -
comments of controllers: free relatives per 100 sentences | 40.0 | at most 3
comments of acs: sentences | 2 | -
comments of acs: free relatives per 100 sentences | 0.0 | at most 3
comments of api: sentences | 0 | -
comments of api: free relatives per 100 sentences | 0.0 | at most 3
comments of hack: sentences | 0 | -
comments of hack: free relatives per 100 sentences | 0.0 | at most 3
docs: sentences | 4 | -
docs: free relatives per 100 sentences | 25.0 | at most 3
pass, passes: in prose | 0 | 0
pass, passes: identifiers | 0 | 0
tell, tells, told: in prose | 2 | 0
tell, tells, told: identifiers | 1 | 0
mend, mends, mended: in prose | 0 | 0
mend, mends, mended: identifiers | 0 | 0
anew: in prose | 1 | 0
anew: identifiers | 0 | 0
`

// writeExample writes the example repository to a directory and returns it.
func writeExample(t *testing.T) string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/example.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files, err := txtar.FS(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "example")
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTable(t *testing.T) {
	t.Parallel()
	var output strings.Builder
	if err := run(&output, writeExample(t), false); err != nil {
		t.Fatal(err)
	}
	header, table, _ := strings.Cut(output.String(), "\n")
	if strings.Join(strings.Fields(header), " ") != "figure value wanted" {
		t.Errorf("header %q", header)
	}
	var got strings.Builder
	for line := range strings.Lines("\n" + table) {
		got.WriteString(columns.ReplaceAllString(strings.TrimSpace(line), " | ") + "\n")
	}
	if diff := cmp.Diff(wantTable, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestVerboseListsItems(t *testing.T) {
	t.Parallel()
	var output strings.Builder
	if err := run(&output, writeExample(t), true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"    steps.go (step).assign [id]\n",
		"    steps.go (*threadScope).count [tries]\n",
		"    steps.go add [users]\n",
		"    steps.go join [members]\n",
		"    steps.go nested [inner]\n",
		"    steps.go loop [id]\n",
		"    alone.go 3\n",
		"    controllers/scope.go:3: Each step gets what it needs.\n",
		"    README.md: It keeps what is declared.\n",
	} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("no %q in:\n%s", want, &output)
		}
	}
}

func TestUnreadableCode(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"syntax": "package controllers\nfunc {",
		"types":  "package controllers\nvar unknown = nothing",
	} {
		dir := writeExample(t)
		if err := os.WriteFile(filepath.Join(dir, "controllers", "broken.go"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run(io.Discard, dir, false); err == nil || !strings.Contains(err.Error(), "broken.go") {
			t.Errorf("%s: error %v, want one that names broken.go", name, err)
		}
	}
	if err := run(io.Discard, t.TempDir(), false); err == nil {
		t.Error("no error in an empty directory")
	}
}
