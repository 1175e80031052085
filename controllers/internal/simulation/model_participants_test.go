// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"slices"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// checkParticipants compares the ChatParticipants.
func (m *modelRun) checkParticipants() {
	for _, name := range sortedKeys(m.participants) {
		stored, ok := m.stored(kindParticipant, name).(*chatv1alpha1.ChatParticipant)
		if !ok || stored == nil {
			m.fail("ChatParticipant %s is gone although no user deleted it", name)
			continue
		}
		want, threadID := m.classifyParticipant(name)
		declared := m.participants[name]
		if !declared.deleting {
			m.checkParticipant(stored, want, threadID)
		} else if want != chatv1alpha1.ReasonThreadNotReady || !m.blocksParticipants(declared.spec.ThreadRef.Name) {
			_, reason := objects.ReadyReason(stored)
			m.fail("ChatParticipant %s is still being deleted (%s), the model has %s", name, reason, want)
		}
	}
}

// checkParticipant compares the status of a ChatParticipant.
func (m *modelRun) checkParticipant(stored *chatv1alpha1.ChatParticipant, want, threadID string) {
	name := stored.Name
	status, reason := objects.ReadyReason(stored)
	if reason != want || (status == metav1.ConditionTrue) != (want == chatv1alpha1.ReasonSucceeded) {
		m.fail("ChatParticipant %s is %s %s, the model has %s", name, status, reason, want)
	}
	if threadID != "" && stored.Status.ThreadID != threadID || want == chatv1alpha1.ReasonThreadNotFound && stored.Status.ThreadID != "" {
		m.fail("ChatParticipant %s is in thread %q, the model has %q", name, stored.Status.ThreadID, threadID)
	}
	ready := apimeta.FindStatusCondition(stored.Status.Conditions, chatv1alpha1.ConditionReady)
	if ready != nil && ready.ObservedGeneration != stored.Generation || threadID != "" && stored.Status.ObservedGeneration != stored.Generation {
		m.fail("ChatParticipant %s was observed at another generation than %d: %s", name, stored.Generation, m.w.describe(stored))
	}
}

// blocksParticipants reports whether deleted ChatParticipants wait for a thread.
func (m *modelRun) blocksParticipants(name string) bool {
	if declared := m.threads[name]; declared == nil || declared.deleting || modelObserves(declared.spec) {
		return false
	}
	reason := m.classify(name).reason
	return reason == chatv1alpha1.ReasonAccessLost || reason == chatv1alpha1.ReasonConnectionNotFound
}

// classifyParticipant returns the expected reason of a ChatParticipant and the thread in its
// status, or "" if any thread will do.
func (m *modelRun) classifyParticipant(name string) (reason, threadID string) {
	thread := m.threads[m.participants[name].spec.ThreadRef.Name]
	if thread == nil {
		return chatv1alpha1.ReasonThreadNotFound, ""
	}
	v := m.classify(m.participants[name].spec.ThreadRef.Name)
	if v.remote == nil || thread.deleting {
		return chatv1alpha1.ReasonThreadNotReady, ""
	}
	for _, d := range v.members {
		switch {
		case d.participant != name:
		case m.isRejected(v, d):
			return chatv1alpha1.ReasonRejected, v.remote.ID
		case hasMember(*v.remote, d.key):
			return chatv1alpha1.ReasonSucceeded, v.remote.ID
		default:
			return chatv1alpha1.ReasonThreadNotReady, ""
		}
	}
	if slices.ContainsFunc(v.others, func(d declaredMember) bool { return d.participant == name }) {
		return chatv1alpha1.ReasonDuplicate, v.remote.ID
	}
	return chatv1alpha1.ReasonThreadNotReady, ""
}
