// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Whoever was declared while the thread was only observed joins when it is managed.
func TestParticipantOfObservedThreadJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("watched")
	observing(thread)
	participant := w.newParticipant("early", "watched", w.users(1)[0])
	w.create(thread, participant)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.awaitReason(participant, chatv1alpha1.ReasonThreadNotReady)
	edit(w, thread, managing)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal([]string{string(participant.Spec.UserID)}))
}
