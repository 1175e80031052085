// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// root is the path to the repository. The tests run there.
const root = "../.."

// programs is a directory with the operator, built for these tests.
var programs string

func TestMain(m *testing.M) {
	if err := os.Chdir(root); err != nil {
		fmt.Fprintln(os.Stderr, "examples:", err)
		os.Exit(2)
	}
	status := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(status)
}

// build builds the operator as a release has it, also if the tests run with the race detector.
func build(ctx context.Context) (binary string, err error) {
	if programs, err = os.MkdirTemp("", "examples-"); err != nil {
		return "", err
	}
	binary = filepath.Join(programs, "manager")
	output, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput() //nolint:gosec // a directory of this test
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return binary, nil
}
