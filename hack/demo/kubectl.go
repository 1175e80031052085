// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// kubectl runs the program as a user of the demo would.
type kubectl struct {
	binary      string
	environment []string
}

func newKubectl(kubeconfig, home string) kubectl {
	return kubectl{
		binary:      asset("kubectl"),
		environment: append(environment(home), "KUBECONFIG="+kubeconfig, "KUBECTL_KUBERC=false"),
	}
}

// run gives what kubectl prints. What it complains of is in the error.
func (k kubectl) run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.binary, args...) //nolint:gosec // the demo's own kubectl
	cmd.Env = k.environment
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", args[0], err, lastLines(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
