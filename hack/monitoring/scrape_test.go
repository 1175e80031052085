// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"
)

// Everything that is to suit a real operator is compared with one: two replicas with an election, a
// real API server, the emulator, all samples, and a Prometheus.
func TestRealOperator(t *testing.T) {
	w := newWorld(t)
	w.settle()
	t.Run("healthy", w.testHealthy)
	w.live()
	t.Run("alerts", w.testAlerts)
	t.Run("cases", w.testCases)
	t.Run("dashboard", w.testDashboard)
	t.Run("objects", w.testObjects)
	t.Run("runbooks", w.testRunbooks)
}

func mustRules(tb testing.TB) *rules {
	tb.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		tb.Fatal(err)
	}
	all, err := parseRules(string(text))
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
