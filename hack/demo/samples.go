// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	samplesDir       = "config/samples"
	connectionSample = samplesDir + "/connection.yaml"

	// The sample that adopts a thread has a placeholder for its id, and is listed under that name.
	placeholderID   = "19:existing-thread@thread.v2"
	placeholderName = "name: existing-thread"
	adoptedName     = "name: order-4711"

	// samples are all resources that kubectl wait waits for.
	samples = "chatconnections,chatthreads,chatparticipants"
)

// connect creates the Secret from a file, because all users of the machine can see arguments.
func (d *demo) connect(ctx context.Context) error {
	_, err := d.Kubectl.Run(ctx, "", "create", "secret", "generic", "acs",
		"--from-file=connectionString="+d.acs.ConnectionStringFile)
	if err != nil {
		return err
	}
	if _, err := d.Kubectl.Run(ctx, "", "apply", "-f", connectionSample); err != nil {
		return err
	}
	return d.wait(ctx, "chatconnection/default")
}

// makeThread creates the thread that the last sample adopts. The application adds the operator's
// user.
func (d *demo) makeThread(ctx context.Context) error {
	users, err := serviceUsers(ctx, d.Kubectl)
	if err != nil {
		return err
	}
	if d.application, d.threadID, err = makeThread(ctx, d.service, users); err != nil {
		return err
	}
	_, err = d.Write(applicationFile, d.application)
	return err
}

func (d *demo) applySamples(ctx context.Context) error {
	manifests, err := d.Kubectl.Run(ctx, "", "kustomize", samplesDir)
	if err != nil {
		return err
	}
	if manifests, err = fillIn(manifests, d.threadID); err != nil {
		return err
	}
	_, err = d.Kubectl.Run(ctx, manifests, "apply", "--warnings-as-errors", "-f", "-")
	return err
}

// fillIn makes the sample adopt this thread. It also changes the name, so that the samples can
// still be applied unchanged.
func fillIn(manifests, threadID string) (string, error) {
	for _, placeholder := range []string{placeholderID, placeholderName} {
		if n := strings.Count(manifests, placeholder+"\n"); n != 1 {
			return "", fmt.Errorf("%s: found %q %d times, not once", samplesDir, placeholder, n)
		}
	}
	return strings.NewReplacer(placeholderID+"\n", threadID+"\n", placeholderName+"\n", adoptedName+"\n").Replace(manifests), nil
}

func (d *demo) waitReady(ctx context.Context) error { return d.wait(ctx, samples, "--all") }

// wait waits until all resources are Ready, and otherwise shows those that are not.
func (d *demo) wait(ctx context.Context, what ...string) error {
	args := append([]string{"wait", "--for=condition=Ready", "--timeout=90s"}, what...)
	_, err := d.Kubectl.Run(ctx, "", args...)
	if err == nil {
		return nil
	}
	if table, getErr := d.Kubectl.Run(ctx, "", "get", samples, "-o", "wide"); getErr == nil {
		return fmt.Errorf("%w\n%s", err, table)
	}
	return err
}

// serviceUsers returns the users that the operator acts as.
func serviceUsers(ctx context.Context, k processes.Kubectl) ([]string, error) {
	users, err := k.Run(ctx, "", "get", "chatconnections", "-A", "-o", "jsonpath={.items[*].status.serviceUsers[*]}")
	return strings.Fields(users), err
}

// printResult shows the resources that a user would look at.
func (d *demo) printResult(ctx context.Context) error {
	heading("What Kubernetes shows")
	for _, args := range [][]string{
		{"get", "acs-chat", "-A"},
		{"get", "chatthreads", "-o", "custom-columns=NAME:.metadata.name,JOINED:.status.joined,THREAD-ID:.status.threadID"},
		{"events"},
	} {
		output, err := d.Kubectl.Run(ctx, "", args...)
		if err != nil {
			return err
		}
		fmt.Printf("\n$ kubectl %s\n%s\n", strings.Join(args, " "), trimLines(output))
	}
	heading("What the service holds")
	text, err := holdings(ctx, d.service, d.Kubectl, d.application)
	fmt.Print(text)
	return err
}

// trimLines removes the blanks at the ends of kubectl's lines.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
