// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// replaced adopts a thread that is then deleted at ACS, and waits for the one that replaces it.
func replaced(w *world, conn *chatv1alpha1.ChatConnection) *chatv1alpha1.ChatThread {
	w.t.Helper()
	adopted := foreignThread(w, conn)
	thread := adopting(w, "replaced", adopted, w.users(1)...)
	thread.Spec.RecreationPolicy = chatv1alpha1.RecreationRecreate
	thread.Spec.DeletionPolicy = chatv1alpha1.DeletionDelete
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.DeleteThread(adopted)
	w.request(thread)
	w.Eventually(func() string { w.get(thread); return thread.Status.ThreadID }).ShouldNot(Or(BeEmpty(), Equal(adopted)))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	return thread
}

// A rebuilt cluster finds the thread that replaced an adopted one, and creates none.
func TestReplacementOfAnAdoptedThreadIsFound(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]emulator.DeletedThreads{"404": emulator.DeletedNotFound, "deletedOn": emulator.DeletedMarked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{DeletedThreads: deleted})
			thread := replaced(w, w.ready())
			replacement := thread.Status.ThreadID

			rebuilt := w.newThread(thread.Name)
			thread.Spec.DeepCopyInto(&rebuilt.Spec)
			w.lose(thread)
			w.create(rebuilt)
			w.awaitReason(rebuilt, chatv1alpha1.ReasonSucceeded)
			w.Expect(rebuilt.Status.ThreadID).To(Equal(replacement))
			w.Expect(rebuilt.Status.Incarnation).To(Equal(int64(1)))
			w.Expect(w.threads()).To(HaveLen(1))
		})
	}
}
