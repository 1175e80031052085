// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// If a rebuilt cluster applies ChatParticipants, which have no finalizer yet, their users stay in
// the thread that is found, with their history.
func TestFoundThreadKeepsWhoIsDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	conn := w.connect(withPinned(pinned))
	stop := w.start()
	thread := w.newThread("kept", w.users(1)...)
	users := w.users(3)
	all := []client.Object{thread}
	for i, user := range users {
		p := w.newParticipant("kept-"+string(rune('a'+i)), "kept", user)
		p.Spec.ShareHistory = chatv1alpha1.ShareHistorySinceJoin
		all = append(all, p)
	}
	w.create(all...)
	w.Eventually(func() string { w.get(thread); return thread.Status.Joined }).Should(Equal("4/4"))
	stop()
	w.lose(append(all, conn)...)

	w.emulator.ResetRequests()
	w.timing.foundGrace = time.Minute // it ends early, once all are declared
	w.start()
	again := newConnection(w.namespace, "default")
	withPinned(pinned)(again)
	thread = w.newThread("kept", string(all[0].(*chatv1alpha1.ChatThread).Spec.Participants[0].UserID)) //nolint:errcheck // made above
	w.create(again, thread)
	w.awaitReason(thread, chatv1alpha1.ReasonUpdating)
	for i, user := range users {
		p := w.newParticipant("kept-"+string(rune('a'+i)), "kept", user)
		p.Spec.ShareHistory = chatv1alpha1.ShareHistorySinceJoin
		w.create(p)
		defer w.awaitReason(p, chatv1alpha1.ReasonSucceeded)
	}
	w.Eventually(func() string { w.get(thread); return thread.Status.Joined }).Should(Equal("4/4"))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(BeZero())
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
}

// An undeclared member of a thread that is found is removed, but only after a while.
func TestFoundThreadLosesWhoIsNotDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	users := w.users(2)
	id := w.emulator.CreateThread(pinned, "topic of found", emulator.Member{ID: users[0]}, emulator.Member{ID: users[1]})
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/found", chatv1alpha1.StampUID: "former"}
	})
	w.ready(withPinned(pinned))
	thread := w.readyThread("found", users[0])
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(w.memberIDs(thread)).To(Equal(users[:1]))
}
