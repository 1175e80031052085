// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
)

// reporter receives the failures of a run. It is a test or a runReport.
type reporter interface {
	Helper()
	Context() context.Context
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// runReport keeps the failures of a run until its bubble ends. A test that draws many histories
// must continue after a failure, in order to search for a shorter history.
type runReport struct {
	done func() context.Context

	mu       sync.Mutex
	failures []string
	logs     []string
}

// runAborted unwinds a run that cannot continue.
type runAborted struct{}

func (r *runReport) Helper()                  {}
func (r *runReport) Context() context.Context { return r.done() }

func (r *runReport) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *runReport) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *runReport) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(runAborted{})
}

func (r *runReport) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *runReport) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}

func (r *runReport) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

// runInBubble makes a run in a bubble of its own and returns its report. A panic counts as a
// failure.
func runInBubble(t *testing.T, run func(reporter)) *runReport {
	t.Helper()
	report := &runReport{}
	synctest.Test(t, func(t *testing.T) {
		report.done = t.Context
		defer func() {
			if r := recover(); r != nil {
				if _, ended := r.(runAborted); !ended {
					report.Errorf("panic: %v", r)
					report.Logf("%s", debug.Stack())
				}
			}
		}()
		run(report)
	})
	return report
}
