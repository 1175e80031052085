// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package processes runs a Kubernetes control plane and other programs on this machine, for the demo and
// for tests.
package processes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	pollInterval = 100 * time.Millisecond
	stopPatience = 10 * time.Second
	probeTimeout = 5 * time.Second
)

// Program is what to run.
type Program struct {
	Name      string // for messages
	Binary    string
	Arguments []string
	Home      string // a directory for its caches
	Log       string // the file that its output is added to
	// Ended is called when it ends by itself; nil: nothing is.
	Ended func(error)
}

// Process is a program that was started.
type Process struct {
	process  *os.Process
	stopping atomic.Bool
	done     chan struct{}
	state    *os.ProcessState // once it is done
}

// EndedError says that a process ended by itself.
type EndedError struct {
	Name   string
	Status string
}

func (e *EndedError) Error() string { return fmt.Sprintf("%s ended by itself: %s", e.Name, e.Status) }

// Start starts a program. Linux ends it with the thread that calls this, so that it does not outlive
// the caller: that must be a thread that lives as long.
func (p Program) Start(ctx context.Context) (*Process, error) {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	// The end of the context must not kill all processes at once: they are stopped in order.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.Binary, p.Arguments...) //nolint:gosec // programs of this repository
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment(p.Home)
	cmd.SysProcAttr = attributes()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started := &Process{process: cmd.Process, done: make(chan struct{})}
	go func() {
		defer close(started.done)
		_ = cmd.Wait() // its state says it all
		started.state = cmd.ProcessState
		if !started.stopping.Load() && p.Ended != nil {
			p.Ended(&EndedError{Name: p.Name, Status: cmd.ProcessState.String()})
		}
	}()
	return started, nil
}

// Stop asks the process to end, and kills it when it does not.
func (p *Process) Stop() {
	p.stopping.Store(true)
	_ = p.process.Signal(syscall.SIGTERM) // fails only where it has ended
	select {
	case <-p.done:
	case <-time.After(stopPatience):
		p.Kill()
	}
}

// Kill ends the process as the end of its machine would.
func (p *Process) Kill() {
	p.stopping.Store(true)
	_ = p.process.Kill() // fails only where it has ended
	<-p.done
}

// Signal sends a signal to a process whose end is then no surprise.
func (p *Process) Signal(signal os.Signal) {
	p.stopping.Store(true)
	_ = p.process.Signal(signal) // fails only where it has ended
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status says how a process ended that is done.
func (p *Process) Status() string {
	<-p.done
	return p.state.String()
}

// environment keeps settings of the caller out of the programs, such as ETCD_DATA_DIR, and their
// caches out of the caller's home.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir()}
}

// Poll asks until the answer is nil. When the context ends first, it gives the last answer.
func Poll(ctx context.Context, ask func(context.Context) error) error {
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

// Probe is nil when a process says at a URL that it is ready.
func Probe(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return nil
}

// FreeAddress finds a port on this machine. Nothing keeps others from taking it before it is used;
// the program that it is for then says so and ends.
func FreeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
