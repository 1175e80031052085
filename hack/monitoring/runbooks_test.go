// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

var (
	block = regexp.MustCompile("(?ms)^ *```(\\w+)\n(.*?)^ *```$")
	// fieldPath is a path in an argument of kubectl. A filter in it selects an element of a list.
	fieldPath   = regexp.MustCompile(`[:{=]\.(?:items\[\*\]\.)?((?:spec|status|metadata)(?:\.\w+|\[[^\]]*\])+)`)
	listElement = regexp.MustCompile(`\[.*?\]`)
	firstCell   = regexp.MustCompile("(?m)^ *\\| (`[A-Z].*?) \\|")
	codeWord    = regexp.MustCompile("`([A-Z]\\w+)`")
	aReason     = regexp.MustCompile(`(?m)^\tReason\w+ = "(\w+)"$`)
)

// testRunbooks runs the commands of the runbooks, and evaluates their queries.
func (w *world) testRunbooks(t *testing.T) {
	commands, queries := 0, 0
	for _, name := range runbooks(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			switch found[1] {
			case "promql":
				checkExpression(t, w.scraper, name, found[2])
				queries++
			case "sh":
				for line := range strings.Lines(found[2]) {
					if line = strings.TrimSpace(line); isRead(line) {
						w.read(t, name, line)
						commands++
					}
				}
			}
		}
	}
	t.Logf("%d commands and %d queries of the runbooks work", commands, queries)
}

// isRead reports whether a line is a command that only reads, and needs no pod.
func isRead(line string) bool {
	return strings.HasPrefix(line, "kubectl get ") || strings.HasPrefix(line, "kubectl auth can-i ")
}

// read runs a command up to its first pipe, and looks up the fields that it prints: kubectl prints
// nothing, and no error, for a field that does not exist.
func (w *world) read(t *testing.T, name, line string) {
	t.Helper()
	command, _, _ := strings.Cut(line, " | ")
	if output, err := w.shell(t.Context(), command); err != nil {
		t.Errorf("%s: %s: %v\n%s", name, command, err, output)
	}
	kinds := strings.Split(strings.Fields(command)[2], ",")
	for _, found := range fieldPath.FindAllStringSubmatch(command, -1) {
		field := listElement.ReplaceAllString(found[1], "")
		for _, kind := range kinds {
			if output, err := w.shell(t.Context(), "kubectl explain "+kind+"."+field); err != nil {
				t.Errorf("%s: a %s has no %s: %v\n%s", name, kind, field, err, output)
			}
		}
	}
}

func (w *world) shell(ctx context.Context, command string) (string, error) {
	binary, err := filepath.Abs(w.Kubectl.Binary)
	if err != nil {
		return "", err
	}
	shell := exec.CommandContext(ctx, "bash", "-c", command) //nolint:gosec // a command of our own pages
	shell.Env = []string{
		"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"), "HOME=" + w.Dir, "KUBECONFIG=" + w.Path(sandbox.AdminKubeconfig),
	}
	output, err := shell.CombinedOutput()
	return string(output), err
}

// A reason in a table of a runbook is one that the status shows.
func TestRunbooksNameReasons(t *testing.T) {
	source, err := os.ReadFile("api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, found := range aReason.FindAllSubmatch(source, -1) {
		reasons = append(reasons, string(found[1]))
	}
	if len(reasons) < 20 {
		t.Fatalf("found %d reasons", len(reasons))
	}
	named := 0
	for _, name := range runbooks(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range firstCell.FindAllStringSubmatch(string(text), -1) {
			for _, word := range codeWord.FindAllStringSubmatch(row[1], -1) {
				named++
				if !slices.Contains(reasons, word[1]) {
					t.Errorf("%s: there is no reason %s", name, word[1])
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("the tables of the runbooks name %d reasons", named)
	}
}

func runbooks(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(runbooksDir + "/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(fmt.Errorf("no runbooks: %w", err))
	}
	return files
}
