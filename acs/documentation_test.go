// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// TestEveryOperationIsShown checks that each has an example, a line in the manual and a test of its
// request.
func TestEveryOperationIsShown(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../docs/acs-client.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("example*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples.Write(text)
	}
	sent := calls()
	for _, client := range []any{&acs.ChatClient{}, &acs.ThreadClient{}, &acs.IdentityClient{}} {
		kind := reflect.TypeOf(client)
		for m := range kind.Methods() {
			name, method := kind.Elem().Name(), m.Name
			if method == "ID" || method == "ThreadClient" {
				continue // no call
			}
			if !strings.Contains(examples.String(), "func Example"+name+"_"+method+"() {") {
				t.Errorf("%s.%s has no example", name, method)
			}
			if !strings.Contains(string(manual), "| `"+name+"."+method+"` |") {
				t.Errorf("%s.%s is not in the manual", name, method)
			}
			operation := name + "." + strings.TrimSuffix(strings.Replace(method, "NewList", "List", 1), "Pager")
			if _, ok := sent[operation]; !ok {
				t.Errorf("%s has no test of its request", operation)
			}
		}
	}
}

// TestProgramOfTheManual builds the first program of the manual and runs it against an emulator,
// with the files where the manual has them.
func TestProgramOfTheManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../docs/acs-client.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(manual), "```go\n")
	program, _, _ := strings.Cut(rest, "```")
	emu := emulator.New(emulator.Options{})
	server := httptest.NewTLSServer(emu)
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": program, "connection-string": emu.ConnectionString(server.URL) + "\n", "tls/ca.pem": string(authority),
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "quickstart")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, filepath.Join(dir, "main.go")) //nolint:gosec // Both paths are the test's own.
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary) //nolint:gosec // It was just built.
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "4 text Hello\n") {
		t.Errorf("the program ended with %v and printed\n%s", err, out)
	}
	if left := emu.Threads(); len(left) != 0 && left[0].DeletedOn == nil {
		t.Errorf("threads %+v are left", left)
	}
}
