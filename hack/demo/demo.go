// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// stepTimeout is generous: a busy machine is not a failure.
const stepTimeout = 2 * time.Minute

// demo is one run.
type demo struct {
	*sandbox.Sandbox
	once    bool
	state   *state
	started *components

	etcd        string // address
	acs         *sandbox.Service
	service     *sandbox.Application // the service as an application uses it
	metrics     string               // address of the operator's metrics
	application string               // the user that created the thread to adopt
	threadID    string               // of that thread
}

// step is one action of the demo before it stays up.
type step struct {
	title string
	blame string // the component whose log explains a failure
	do    func(context.Context) error
}

// newDemo returns a demo that calls cancel when one of its components exits by itself.
func newDemo(once bool, cancel context.CancelCauseFunc) *demo {
	d := &demo{
		Sandbox: &sandbox.Sandbox{Dir: stateDir},
		once:    once,
		state:   &state{dir: stateDir},
		started: &components{ended: cancel},
	}
	d.Run = d.started.run
	return d
}

func (d *demo) steps() []step {
	return []step{
		{"Start etcd", processes.Etcd, d.startEtcd},
		{"Start kube-apiserver", processes.KubeAPIServer, d.startAPIServer},
		{"Start kube-controller-manager", processes.ControllerManager, d.startControllerManager},
		{"Install the CRDs and the operator's permissions", processes.KubeAPIServer, d.install},
		{"Start the emulator of the service", acsEmulator, d.startEmulator},
		{"Start the operator", sandbox.Operator, d.startOperator},
		{"Create the Secret acs, wait for the ChatConnection", sandbox.Operator, d.connect},
		{"Make a thread as an application would", acsEmulator, d.makeThread},
		{"Apply config/samples", processes.KubeAPIServer, d.applySamples},
		{"Wait until everything is Ready", sandbox.Operator, d.waitReady},
	}
}

// run returns the exit status.
func (d *demo) run(ctx context.Context) int {
	if err := d.state.open(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return statusFailed
	}
	blame, err := d.present(ctx)
	status := statusInterrupted
	if err == nil {
		status = 0
	}
	if err == nil && !d.once {
		<-ctx.Done()
		fmt.Println()
		err = context.Cause(ctx)
	}
	failed := err != nil && !errors.Is(err, errInterrupted)
	if failed {
		fmt.Print(d.failure(err, blame))
		status = statusFailed
	}
	begun := begin("   ", "Stop everything, the latest first")
	d.started.stop()
	err = d.state.close(failed)
	finish(begun, err == nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return statusFailed
	}
	return status
}

// present runs all steps and prints the result. If a step fails, it names the component that
// failed.
func (d *demo) present(ctx context.Context) (blame string, err error) {
	fmt.Print(welcome)
	for i, s := range d.steps() {
		begun := begin(fmt.Sprintf("%2d.", i+1), s.title)
		err := d.take(ctx, s)
		finish(begun, err == nil)
		if err != nil {
			return s.blame, err
		}
	}
	if err := d.printResult(ctx); err != nil {
		return sandbox.Operator, orCause(ctx, err)
	}
	if d.once {
		fmt.Print(onceText)
	} else {
		fmt.Print(d.tryText())
	}
	return "", nil
}

func (d *demo) take(ctx context.Context, s step) error {
	limited, cancel := context.WithTimeoutCause(ctx, stepTimeout, fmt.Errorf("not done after %s", stepTimeout))
	defer cancel()
	if err := orCause(ctx, s.do(limited)); err != nil {
		return fmt.Errorf("%s: %w", s.title, err)
	}
	return nil
}

// orCause returns the cause of the context's end instead of the errors that follow from it.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// failure describes the error, and names the log to read.
func (d *demo) failure(err error, blame string) string {
	if ended, ok := errors.AsType[*processes.EndedError](err); ok {
		blame = ended.Name
	}
	return fmt.Sprintf("\nFailed: %v\n\nThe end of %s:\n%s\nThe logs stay in %s.\n\n",
		err, d.LogFile(blame), processes.Tail(d.LogFile(blame)), d.Path(sandbox.LogsDir))
}
