// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// shares returns the metric of used quotas by quota.
func shares(g Gomega) map[string]float64 {
	families, err := metrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	used := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "acs_chat_operator_quota_used_ratio" {
			continue
		}
		for _, metric := range family.GetMetric() {
			used[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
		}
	}
	return used
}

// The used share of a quota is that of the user or thread that uses most of it. This test is not
// parallel, as the others have clocks of their own.
func TestQuotaUsedIsShown(t *testing.T) { //nolint:paralleltest // see above
	g := NewWithT(t)
	g.Expect(shares(g)).To(And(
		HaveLen(7), HaveKey("create_thread"), HaveKey("delete_thread"), HaveKey("update_thread"), HaveKey("change_members"),
		HaveKey("list_members"), HaveKeyWithValue("read_threads", 0.0), HaveKeyWithValue("create_thread_per_resource", 0.0)))
	pacer := pacing.New(true)
	busy, idle := newUserNamed(t, pacer, "busy"), newUserNamed(t, pacer, "idle")
	for range 20 {
		g.Expect(busy.read(pacing.Caller{Thread: "a"})).To(Succeed())
	}
	g.Expect(idle.read(pacing.Caller{Thread: "b"})).To(Succeed())
	for range 3 {
		g.Expect(busy.call(pacing.Caller{Thread: "a"}, "ChatClient.CreateThread")).To(Succeed())
	}
	used := shares(g)
	g.Expect(used).To(HaveKeyWithValue("read_threads", 0.4))
	g.Expect(used).To(HaveKeyWithValue("create_thread", 0.3))
	g.Expect(used).To(HaveKeyWithValue("create_thread_per_resource", 0.001))
	g.Expect(used).To(HaveKeyWithValue("delete_thread", 0.0))
}
