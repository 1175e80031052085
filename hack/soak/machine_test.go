// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// restartDelay is how long a program that ended by itself is down, as the kubelet would have it.
const restartDelay = time.Second

// machine is a program that is started again with what it had whenever it ends, however it does.
type machine struct {
	t       *testing.T
	program processes.Program
	ready   func(context.Context) error

	mu      sync.Mutex
	process *processes.Process
	wanted  bool
	// kills and stops count what was done to it, ends how often it ended by itself.
	kills, stops, ends int
}

func newMachine(t *testing.T, program processes.Program, ready func(context.Context) error) *machine {
	t.Helper()
	m := &machine{t: t, program: program, ready: ready}
	m.program.Ended = m.ended
	t.Cleanup(m.kill)
	return m
}

// start starts the program; await says when it is ready.
func (m *machine) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = true
	m.launch()
}

// launch runs with the lock held.
func (m *machine) launch() {
	started := make(chan error)
	launches <- func() {
		var err error
		m.process, err = m.program.Start(m.t.Context())
		started <- err
	}
	if err := <-started; err != nil {
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
		case <-m.process.Done(): // and nobody has started it since
			if m.wanted {
				m.launch()
			}
		default:
		}
	})
}

// take gives the process, which is from then on not started again.
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

// signal sends a signal. The process is not started again when it ends by that.
func (m *machine) signal(signal syscall.Signal) *processes.Process {
	process := m.take()
	process.Signal(os.Signal(signal))
	return process
}

// await waits until the program is ready.
func (m *machine) await(ctx context.Context) {
	m.t.Helper()
	if err := processes.Poll(ctx, m.ready); err != nil {
		m.t.Fatalf("%s is not ready: %v\n%s", m.program.Name, err, processes.Tail(m.program.Log))
	}
}

func (m *machine) counts() (kills, stops, ends int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kills, m.stops, m.ends
}

// pause lets time go by, in which the faults do their work. It says whether the context still lives.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
