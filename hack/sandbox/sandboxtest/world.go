// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package sandboxtest ties a sandbox to a test: its programs end with the test, and their errors
// are errors of the test.
package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// Patience is how long a step may take. A busy machine is not a failure.
const Patience = 3 * time.Minute

// World is a sandbox of one test.
type World struct {
	testing.TB
	*sandbox.Sandbox
	// Running are the programs by their names.
	Running map[string]*processes.Process
	// Environment has variables for each program that is started.
	Environment []string
}

// New returns a sandbox without programs. Its files stay after a failure.
func New(tb testing.TB) *World {
	tb.Helper()
	dir, err := os.MkdirTemp("", "sandbox-") //nolint:usetesting // its logs help to explain a failure
	if err != nil {
		tb.Fatal(err)
	}
	w := &World{TB: tb, Sandbox: &sandbox.Sandbox{Dir: dir}, Running: map[string]*processes.Process{}}
	w.Run = w.run
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("The logs are in %s.", dir)
			return
		}
		w.Must(os.RemoveAll(dir))
	})
	return w
}

// run starts a program, waits until it is ready, and stops it at the end of the test.
func (w *World) run(ctx context.Context, program processes.Program, ready func(context.Context) error) error {
	alive, ended := context.WithCancelCause(ctx)
	program.Ended, program.Environment = ended, append(program.Environment, w.Environment...)
	started, err := program.Start(ctx)
	if err != nil {
		return err
	}
	w.Running[program.Name] = started
	w.Cleanup(func() {
		started.Stop()
		early, isEarly := errors.AsType[*processes.EndedError](context.Cause(alive))
		if isEarly {
			w.Error(early)
		}
		if isEarly || w.Failed() && strings.HasPrefix(program.Name, sandbox.Operator) {
			w.Logf("The end of the log of %s:\n%s", program.Name, processes.Tail(program.Log))
		}
	})
	if err := processes.Poll(alive, ready); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", program.Name, err, processes.Tail(program.Log))
	}
	return nil
}

// StartService starts a control plane with the CRDs and the permissions of the operator, and an
// emulator of ACS. It returns that, and an application of it.
func (w *World) StartService(ctx context.Context) (*sandbox.Service, *sandbox.Application) {
	w.Helper()
	w.Must(w.StartControlPlane(ctx))
	w.Must(w.InstallOperator(ctx, w.Server.Address))
	service, err := w.StartEmulator(ctx, "acs")
	w.Must(err)
	application, err := service.Application()
	w.Must(err)
	return service, application
}

// Must ends the test if there is an error.
func (w *World) Must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Eventually repeats a question until its answer is nil.
func (w *World) Eventually(what string, ask func(context.Context) error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), Patience)
	defer cancel()
	if err := processes.Poll(ctx, ask); err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// Do runs kubectl as an administrator, and returns its output.
func (w *World) Do(args ...string) string {
	w.Helper()
	return w.DoWith("", args...)
}

// DoWith runs kubectl with an input.
func (w *World) DoWith(stdin string, args ...string) string {
	w.Helper()
	output, err := w.Kubectl.Run(w.Context(), stdin, args...)
	w.Must(err)
	return output
}

// FreeAddress finds a free port.
func (w *World) FreeAddress() string {
	w.Helper()
	address, err := processes.FreeAddress(w.Context())
	w.Must(err)
	return address
}
