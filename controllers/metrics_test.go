// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// The metrics for a dashboard exist, and no label names a resource, a user or a thread.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	w.readyThread("measured")
	allowed := map[string][]string{
		"acs_chat_operator_acs_requests_total":           {"code", "operation"},
		"acs_chat_operator_acs_request_duration_seconds": {"operation"},
		"acs_chat_operator_acs_throttled_total":          {"operation"},
		"acs_chat_operator_quota_waits_total":            {"operation"},
		"acs_chat_operator_ca_file_usable":               nil,
		"acs_chat_operator_threads":                      {"reason"},
		"acs_chat_operator_resync_floor_seconds":         nil,
		"acs_chat_operator_recreations_total":            nil,
	}
	families, err := metrics.Registry.Gather()
	w.Expect(err).NotTo(HaveOccurred())
	operations, shown := map[string]bool{}, map[string]bool{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "acs_chat_operator_") {
			continue
		}
		labels, known := allowed[family.GetName()]
		w.Expect(known).To(BeTrue(), family.GetName())
		shown[family.GetName()] = true
		for _, metric := range family.GetMetric() {
			var names []string
			for _, label := range metric.GetLabel() {
				names = append(names, label.GetName())
				if label.GetName() == "operation" {
					operations[label.GetValue()] = true
				}
			}
			w.Expect(names).To(Equal(labels), family.GetName())
		}
	}
	for _, name := range []string{"acs_requests_total", "acs_request_duration_seconds", "resync_floor_seconds"} {
		w.Expect(shown).To(HaveKey("acs_chat_operator_" + name))
	}
	w.Expect(operations).To(HaveKey("ChatClient.CreateThread"))
	w.Expect(operations).NotTo(HaveKey(""))
}
