// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDependencies checks that the client does not depend on Kubernetes, so that other programs can
// use it.
func TestDependencies(t *testing.T) {
	t.Parallel()
	listed, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const self = "github.com/acs-operator/acs-chat-operator/"
	for path := range strings.FieldsSeq(string(listed)) {
		host, _, _ := strings.Cut(path, "/")
		if strings.HasSuffix(host, "k8s.io") || strings.HasPrefix(path, self) && path != self+"acs" {
			t.Errorf("depends on %s", path)
		}
	}
	if !strings.Contains(string(listed), "azcore/runtime") {
		t.Errorf("the list lacks azcore: %s", listed)
	}
}

// TestProgramThatImportsOnlyACS checks the same from outside the module. The go.mod of this module
// requires Kubernetes, but a program that does not import it must not have it in its go.sum.
func TestProgramThatImportsOnlyACS(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	const self = "github.com/acs-operator/acs-chat-operator"
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module example.com/program\n\ngo 1.26.0\n\nrequire " + self + " v0.0.0\n\n" +
			"replace " + self + " => " + strconv.Quote(root) + "\n",
		"main.go": "package main\n\nimport \"" + self + "/acs\"\n\n" +
			"func main() { println(acs.SameUser(\"8:acs:a_b\", \"8:acs:A_B\")) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tidy := exec.CommandContext(t.Context(), "go", "mod", "tidy")
	tidy.Dir = dir
	tidy.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Fatalf("go mod tidy: %v:\n%s", err, out)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		host, _, _ := strings.Cut(line, "/")
		if strings.HasSuffix(host, "k8s.io") {
			t.Errorf("go.sum of a program that imports only acs has %s", line)
		}
	}
	if !strings.Contains(string(sums), "sdk/azcore ") {
		t.Errorf("go.sum lacks azcore:\n%s", sums)
	}
}
