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
	t.Run("traces", w.testTraces)
	t.Run("metrics page", w.testMetricsPage)
	t.Run("outage", w.testOutage)
}

// expressions returns the expressions of all alerts by their names.
func expressions(tb testing.TB) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for _, a := range mustRules(tb).alerts {
		all[a.Name] = a.Expr
	}
	return all
}

// testOutage takes away what the operator needs, and then the operator itself: the expressions of
// the alerts about that then hold.
func (w *world) testOutage(t *testing.T) {
	of := expressions(t)
	w.Running["acs-emulator"].Stop()
	w.ask("quickstart")
	w.await("no answer", of["ACSChatServiceUnreachable"])

	leading, err := w.query(t.Context(), "leader_election_master_status == 1")
	if err != nil || len(leading) != 1 {
		t.Fatalf("leaders: %v, %v", leading, err)
	}
	w.Running[leading[0].Metric.Get("pod")].Kill()
	w.await("no leader", of["ACSChatNoLeader"])
	w.await("the next leader", "max(leader_election_master_status) == 1 unless on () "+of["ACSChatNoLeader"])

	for _, pod := range replicas {
		w.Running[pod].Stop()
	}
	w.await("no operator", of["ACSChatOperatorAbsent"])
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
