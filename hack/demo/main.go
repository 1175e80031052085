// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows the operator at work on this machine: it starts a control plane, the emulator
// of the service and the operator, applies the samples, shows the result, and stays up for
// experiments.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const (
	usage = `Usage, in the root of the repository:
  make demo             start everything and stay up until Ctrl-C
  make demo DEMO=once   start everything, show it and stop
  bin/demo show         what the service of the running demo holds
  bin/demo drift        change a thread of the running demo behind the operator's back
`
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
)

// errInterrupted is the cause of an end that the user requested.
var errInterrupted = errors.New("interrupted")

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer onSignal(func() { cancel(errInterrupted) })()

	mode := os.Getenv("DEMO")
	var err error
	switch {
	case !inRepository(), mode != "" && mode != "once", len(args) > 1:
		err = errUsage
	case len(args) == 0:
		return newDemo(mode == "once", cancel).run(ctx)
	case args[0] == "show":
		err = show(ctx)
	case args[0] == "drift":
		err = drift(ctx)
	default:
		err = errUsage
	}
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		return statusUsage
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", brief(err))
		return statusFailed
	}
	return 0
}

var errUsage = errors.New("called in a way that makes no sense")

// onSignal calls a function whenever the demo is asked to exit. A user that starts it with nohup
// wants it to outlive the terminal.
func onSignal(ask func()) (stop func()) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	go func() {
		for range received {
			ask()
		}
	}()
	return func() { signal.Stop(received) }
}

// inRepository reports whether the paths that the demo uses exist.
func inRepository() bool {
	_, err := os.Stat(filepath.Join(samplesDir, "kustomization.yaml"))
	return err == nil
}
