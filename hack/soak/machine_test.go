// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// restartDelay is the time for which a program that exited by itself stays down, as with the
// kubelet.
const restartDelay = time.Second

// machine is a program that is restarted with its state whenever it exits, for any reason.
type machine struct {
	t       *testing.T
	program processes.Program
	ready   func(context.Context) error

	mu      sync.Mutex
	process *processes.Process
	wanted  bool
	// kills and stops count the tests' actions, ends the times it exited by itself.
	kills, stops, ends int
}

func newMachine(t *testing.T, program processes.Program, ready func(context.Context) error) *machine {
	t.Helper()
	m := &machine{t: t, program: program, ready: ready}
	m.program.Ended = m.ended
	t.Cleanup(m.kill)
	return m
}

// start starts the program; await waits until it is ready.
func (m *machine) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = true
	m.launch()
}

// launch must be called with the lock held.
func (m *machine) launch() {
	var err error
	if m.process, err = m.program.Start(m.t.Context()); err != nil {
		m.t.Errorf("start %s: %v", m.program.Name, err)
	}
}

func (m *machine) ended(error) {
	m.mu.Lock()
	m.ends++
	m.mu.Unlock()
	time.AfterFunc(restartDelay, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		select {
		case <-m.process.Done(): // and it was not started since
			if m.wanted {
				m.launch()
			}
		default:
		}
	})
}

// take returns the process, which is no longer restarted from then on.
func (m *machine) take() *processes.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = false
	return m.process
}

func (m *machine) kill() {
	if process := m.take(); process != nil {
		process.Kill()
	}
	m.mu.Lock()
	m.kills++
	m.mu.Unlock()
}

func (m *machine) stop() {
	if process := m.take(); process != nil {
		process.Stop()
	}
	m.mu.Lock()
	m.stops++
	m.mu.Unlock()
}

// signal sends a signal. The process is not restarted if it exits because of it.
func (m *machine) signal(signal syscall.Signal) *processes.Process {
	process := m.take()
	process.Signal(os.Signal(signal))
	return process
}

// await waits until the program is ready.
func (m *machine) await(ctx context.Context) error {
	if err := processes.Poll(ctx, m.ready); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", m.program.Name, err, processes.Tail(m.program.Log))
	}
	return nil
}

func (m *machine) counts() (kills, stops, ends int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kills, m.stops, m.ends
}

// pause waits while the faults take effect. It reports whether the context is still active.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
