// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// TestEveryOperationIsShown: each has an example, a line in the manual and a test of what it sends.
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
				t.Errorf("%s has no test of what it sends", operation)
			}
		}
	}
}
