// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/roster"
)

// A state of a member that refers to an earlier generation does not make a ChatParticipant Ready.
func TestEntryOfAnEarlierGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	thread, participant := w.newThread("room"), w.newParticipant("member", "room", "8:acs:a")
	w.create(thread, participant)
	judgements := roster.New(func(types.NamespacedName) {})
	r := &ChatParticipantReconciler{Reader: admin, Recorder: events.NewFakeRecorder(10), roster: judgements, Store: objects.NewStore(admin, admin)}
	isReadyAfter := func(generation int64) bool {
		judgements.Publish(thread.UID, []roster.Line{{Key: objects.KeyOf(participant), UID: participant.UID,
			Entry: roster.Entry{State: roster.Joined, Generation: generation, ThreadID: "19:a"}}})
		_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: objects.KeyOf(participant)})
		w.Expect(err).NotTo(HaveOccurred())
		w.get(participant)
		status, _ := objects.ReadyReason(participant)
		return status == metav1.ConditionTrue
	}
	w.Expect(isReadyAfter(participant.Generation - 1)).To(BeFalse())
	w.Expect(participant.Status.ObservedGeneration).To(BeEquivalentTo(-1))
	w.Expect(isReadyAfter(participant.Generation)).To(BeTrue())
}
