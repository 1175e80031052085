// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
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
		"acs_chat_operator_objects":                      {"kind", "reason", "state"},
		"acs_chat_operator_oldest_unready_seconds":       {"kind", "state"},
		"acs_chat_operator_oldest_deletion_seconds":      {"kind"},
		"acs_chat_operator_members_rejected":             nil,
		"acs_chat_operator_changes_total":                {"cause", "change"},
		"acs_chat_operator_quota_used_ratio":             {"quota"},
		"acs_chat_operator_services":                     {"state"},
		"acs_chat_operator_resync_lag_seconds":           nil,

		"acs_chat_operator_credentials_oldest_read_timestamp_seconds": nil,
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
	for name := range allowed {
		// Only a flag brings the certificate authorities.
		if name != "acs_chat_operator_ca_file_usable" {
			w.Expect(shown).To(HaveKey(name))
		}
	}
	w.Expect(operations).To(HaveKey("ChatClient.CreateThread"))
	w.Expect(operations).NotTo(HaveKey(""))
}

// The cause of a change is drift only if the declaration had been carried out before.
func TestCauseOfChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change                  func(*situation)
		create, update, members cause
	}{
		"as it was left":         {func(*situation) {}, causeSpec, causeDrift, causeDrift},
		"edited":                 {func(s *situation) { s.thread.Generation++ }, causeSpec, causeSpec, causeSpec},
		"new":                    {func(s *situation) { s.thread.Status = chatv1alpha1.ChatThreadStatus{} }, causeSpec, causeSpec, causeSpec},
		"a ChatParticipant came": {func(s *situation) { s.counted[0].Generation++ }, causeSpec, causeSpec, causeSpec},
		"a ChatParticipant goes": {func(s *situation) { s.deleted = s.counted }, causeSpec, causeSpec, causeSpec},
		"an outage is over": {func(s *situation) {
			objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable})
		}, causeSpec, causeDrift, causeDrift},
		"a member was refused":   {func(s *situation) { s.thread.Status.Participants.Rejected = 1 }, causeSpec, causeDrift, causeSpec},
		"the thread was deleted": {func(s *situation) { s.thread.Status.Incarnation++ }, causeDrift, causeDrift, causeDrift},
		"somebody only requested": {func(s *situation) {
			objects.SetAnnotation(s.thread, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		}, causeSpec, causeDrift, causeDrift},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settled()
			c.change(&s)
			s.before = s.thread.DeepCopy()
			g := NewWithT(t)
			g.Expect(s.causeOfCreate()).To(Equal(c.create))
			g.Expect(s.cause()).To(Equal(c.update))
			g.Expect(s.causeOfMembers()).To(Equal(c.members))
		})
	}
}

// A resync that begins after it was due counts with the time between. A reconcile after an edit is
// no late resync.
func TestLateResync(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	now := time.Now()
	// Longer than any other test lets a resync wait.
	const late = 1000 * time.Hour
	thread := settled().thread
	due := threadMemory{generation: thread.Generation, nextResync: now.Add(-late)}
	edited := threadMemory{generation: thread.Generation - 1, nextResync: now.Add(-2 * late)}
	edited.begin(thread, now)
	g.Expect(lateResyncs.Value(now)).To(BeNumerically("<", late.Seconds()))
	due.begin(thread, now)
	g.Expect(lateResyncs.Value(now)).To(BeNumerically("==", late.Seconds()))
}
