// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies: the client is of use without Kubernetes, so it must not bring it along.
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
