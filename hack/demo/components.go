// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// The components of the demo besides those of the control plane, by the names of their logs.
const (
	acsEmulator = "acs-emulator"
	operator    = "operator"
)

// components are the processes that the demo started, in the order of their start.
type components struct {
	state *state
	ended func(error) // called when one exits by itself
	all   []*processes.Process
}

// start starts a component, whose output is appended to its log.
func (c *components) start(ctx context.Context, name, binary string, args ...string) error {
	return c.startIn(ctx, nil, name, binary, args...)
}

// startIn starts a component with some variables of the environment.
func (c *components) startIn(ctx context.Context, environment []string, name, binary string, args ...string) error {
	started, err := processes.Program{
		Name: name, Binary: binary, Arguments: args, Home: c.state.dir, Environment: environment, Log: c.state.logFile(name), Ended: c.ended,
	}.Start(ctx)
	if err != nil {
		return err
	}
	c.all = append(c.all, started)
	return nil
}

// stop stops the components, the latest first, so that none loses one that it depends on.
func (c *components) stop() {
	for len(c.all) > 0 {
		last := c.all[len(c.all)-1]
		c.all = c.all[:len(c.all)-1]
		last.Stop()
	}
}
