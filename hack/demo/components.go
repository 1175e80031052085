// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// acsEmulator is the name of the emulator of ACS.
const acsEmulator = "acs-emulator"

// components are the processes that the demo started, in the order of their start.
type components struct {
	ended func(error) // called when one exits by itself
	all   []*processes.Process
}

// run starts a component and waits until it is ready.
func (c *components) run(ctx context.Context, program processes.Program, ready func(context.Context) error) error {
	program.Ended = c.ended
	if program.Name == sandbox.Operator {
		program.Environment = telemetry(os.Environ())
	}
	started, err := program.Start(ctx)
	if err != nil {
		return err
	}
	c.all = append(c.all, started)
	return processes.Poll(ctx, ready)
}

// telemetry returns the variables of OpenTelemetry, so that the user of a collector sees traces.
func telemetry(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool { return !strings.HasPrefix(variable, "OTEL_") })
}

// stop stops the components, the latest first, so that none loses one that it depends on.
func (c *components) stop() {
	for len(c.all) > 0 {
		last := c.all[len(c.all)-1]
		c.all = c.all[:len(c.all)-1]
		last.Stop()
	}
}
