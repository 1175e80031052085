// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	// The programs and manifests have paths from the root.
	if err := os.Chdir("../.."); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}
