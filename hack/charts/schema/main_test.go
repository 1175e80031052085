// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestConstraintOfNoValueFails(t *testing.T) {
	err := run(strings.NewReader(`{"$defs": {"helm-values.other": {}}}`), filepath.Join(t.TempDir(), "schema.json"))
	if err == nil || !strings.Contains(err.Error(), "values.yaml has no ") {
		t.Errorf("want an error that names a value, got %v", err)
	}
}
