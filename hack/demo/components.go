// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// The components, by the names of their logs.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	acsEmulator       = "acs-emulator"
	operator          = "operator"
)

const (
	pollInterval = 100 * time.Millisecond
	stopPatience = 10 * time.Second
)

// components are the processes that the demo started, in the order of their start.
type components struct {
	state *state
	ended func(error) // called when one ends by itself
	all   []*component
}

type component struct {
	process  *os.Process
	stopping atomic.Bool
	done     chan struct{}
}

// endedError says that a component ended by itself.
type endedError struct {
	name   string
	status string
}

func (e *endedError) Error() string { return fmt.Sprintf("%s ended by itself: %s", e.name, e.status) }

// start starts a component, whose output goes to its log.
func (c *components) start(ctx context.Context, name, binary string, args ...string) error {
	log, err := os.OpenFile(c.state.logFile(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the component has its own
	// The end of the demo must not kill all components at once: they are stopped in order.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, args...) //nolint:gosec // programs of this repository
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment(c.state.dir)
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return err
	}
	started := &component{process: cmd.Process, done: make(chan struct{})}
	c.all = append(c.all, started)
	go func() {
		defer close(started.done)
		_ = cmd.Wait() // its state says it all
		if !started.stopping.Load() {
			c.ended(&endedError{name: name, status: cmd.ProcessState.String()})
		}
	}()
	return nil
}

// stop ends the components, the latest first, so that none misses another one.
func (c *components) stop() {
	for len(c.all) > 0 {
		last := c.all[len(c.all)-1]
		c.all = c.all[:len(c.all)-1]
		last.stop()
	}
}

func (c *component) stop() {
	c.stopping.Store(true)
	_ = c.process.Signal(syscall.SIGTERM) // fails only where it has ended
	select {
	case <-c.done:
	case <-time.After(stopPatience):
		_ = c.process.Kill()
		<-c.done
	}
}

// environment keeps settings of the caller out of the programs, such as ETCD_DATA_DIR, and their
// caches out of the caller's home.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir()}
}

// poll asks until the answer is nil. When the context ends first, it gives the last answer.
func poll(ctx context.Context, ask func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}
