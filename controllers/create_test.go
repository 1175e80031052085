// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The budget of a create: one call that writes, two writes to the API server, one event.
func TestCreateBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members, acsWrites, writes int
	}{
		"no member":   {0, 1, 2},
		"200 members": {200, 1, 2},
		"249 members": {249, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			users := w.users(c.members)
			w.emulator.ResetRequests()
			thread := w.newThread("budget", users...)
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.writes()).To(Equal(c.acsWrites))
			w.Expect(w.calls()[emulator.OperationCreateThread]).To(Equal(1))
			w.Expect(w.memberIDs(thread)).To(HaveLen(c.members))
			w.Expect(w.writesSoFar(thread)).To(Equal(c.writes))
			w.Eventually(func() []string { return w.eventReasons(thread) }).ShouldNot(BeEmpty())
			w.Expect(w.eventReasons(thread)[0]).To(Equal(chatv1alpha1.EventCreated))
		})
	}
}
