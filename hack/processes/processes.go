// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package processes runs a Kubernetes control plane and other programs on this machine, for the
// demo and for tests.
package processes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	pollInterval = 100 * time.Millisecond
	stopPatience = 10 * time.Second
	probeTimeout = 5 * time.Second
)

// Program is a program to run.
type Program struct {
	Name      string // for messages
	Binary    string
	Arguments []string
	Home      string // a directory for its caches
	// Environment has variables of its own: of the caller's, only a few are passed on.
	Environment []string
	Log         string // the file to append its output to
	// Ended is called when it exits by itself; it may be nil.
	Ended func(error)
}

// Process is a running or finished program.
type Process struct {
	process  *os.Process
	stopping atomic.Bool
	done     chan struct{}
	state    *os.ProcessState // valid after done is closed
}

// EndedError reports that a process exited by itself.
type EndedError struct {
	Name   string
	Status string
}

func (e *EndedError) Error() string { return fmt.Sprintf("%s ended by itself: %s", e.Name, e.Status) }

// starter returns the channel of one thread that starts all programs. Linux kills a program with
// the thread that started it, so that it does not outlive this process; that thread lives as long.
var starter = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})

// Start starts a program. On Linux it does not outlive this process, even if that is killed.
func (p Program) Start(ctx context.Context) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(p.Log), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	// The end of the context must not kill all processes at once: they are stopped in order.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.Binary, p.Arguments...) //nolint:gosec // programs of this repository
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(environment(p.Home), p.Environment...)
	cmd.SysProcAttr = attributes()
	result := make(chan error)
	starter() <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return nil, err
	}
	started := &Process{process: cmd.Process, done: make(chan struct{})}
	go func() {
		defer close(started.done)
		_ = cmd.Wait() // the state has the result
		started.state = cmd.ProcessState
		if !started.stopping.Load() && p.Ended != nil {
			p.Ended(&EndedError{Name: p.Name, Status: cmd.ProcessState.String()})
		}
	}()
	return started, nil
}

// Stop asks the process to exit, and kills it if it does not.
func (p *Process) Stop() {
	p.stopping.Store(true)
	_ = p.process.Signal(syscall.SIGTERM) // fails only if it has exited
	select {
	case <-p.done:
	case <-time.After(stopPatience):
		p.Kill()
	}
}

// Kill ends the process like a crash of its machine.
func (p *Process) Kill() {
	p.stopping.Store(true)
	_ = p.process.Kill() // fails only if it has exited
	<-p.done
}

// Signal sends a signal to a process that may then exit without an error.
func (p *Process) Signal(signal os.Signal) {
	p.stopping.Store(true)
	_ = p.process.Signal(signal) // fails only if it has exited
}

// Done is closed after the process has exited.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status returns the exit status of a process that is done.
func (p *Process) Status() string {
	<-p.done
	return p.state.String()
}

// environment removes settings of the caller, such as ETCD_DATA_DIR, and keeps the programs' caches
// out of the caller's home.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir()}
}

// Poll repeats the probe until it returns nil. If the context ends first, it returns the last
// error.
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

// Probe returns nil if a process reports at a URL that it is ready.
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

// FreeAddress finds a free port on this machine. Another process may take it before it is used; the
// program that needs it then reports that and exits.
func FreeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
