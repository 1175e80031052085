// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Kubectl runs the program as a user would.
type Kubectl struct {
	Binary      string
	environment []string
}

// NewKubectl returns the kubectl of the control plane. home is a directory for its caches.
func NewKubectl(kubeconfig, home string) Kubectl {
	return Kubectl{
		Binary:      Asset("kubectl"),
		environment: append(environment(home), "KUBECONFIG="+kubeconfig, "KUBECTL_KUBERC=false"),
	}
}

// Run returns the output of kubectl. Its error output is in the error.
func (k Kubectl) Run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.Binary, args...) //nolint:gosec // the control plane's own kubectl
	cmd.Env = k.environment
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", args[0], err, lastLines(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
