// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// With managementPolicy Observe, the status shows the plan, and nothing is written to ACS.
func TestObserve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	users := w.users(3)
	absent := w.newThread("absent", users...)
	absent.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	w.create(absent)
	w.awaitReason(absent, chatv1alpha1.ReasonDrifted)
	w.Expect(w.message(absent)).To(Equal("would create the thread with 3 participants"))

	id := foreignThread(w, conn, users[2])
	w.emulator.ResetRequests()
	thread := adopting(w, "observed", id, users[0], users[1])
	thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	thread.Spec.MembershipPolicy = chatv1alpha1.MembershipExclusive
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.Expect(w.message(thread)).To(Equal("would set topic, add 2, remove 2"))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Topic = "made by an application"
		o.Spec.Participants = []chatv1alpha1.Member{{UserID: chatv1alpha1.UserID(users[2])}}
		o.Spec.MembershipPolicy = chatv1alpha1.MembershipAdditive
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Joined).To(Equal("1/1"))
	watcher := w.newParticipant("watcher", "observed", users[0])
	w.create(watcher)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.Expect(w.message(thread)).To(Equal("would add 1"))
	w.awaitReason(watcher, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(w.writes()).To(BeZero())
	w.delete(watcher)
	w.awaitGone(watcher)
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.writes()).To(BeZero())

	edit(w, absent, func(o *chatv1alpha1.ChatThread) { o.Spec.ManagementPolicy = chatv1alpha1.ManagementManage })
	w.awaitReason(absent, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(absent)).To(HaveLen(3))
}

// A participant that was declared during Observe joins once the thread is managed.
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

// Observe through a shared connection shows nothing of a thread of another namespace.
func TestObserveIsNoWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	users := w.users(2)
	private := w.readyThread("private", users...)
	spy := adopting(w, "spy", private.Status.ThreadID, users[0])
	spy.Namespace = guest
	spy.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	spy.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	w.create(spy)
	w.awaitReason(spy, chatv1alpha1.ReasonOwnedByAnother)
	w.Expect(spy.Status.Joined).To(BeEmpty())
	w.Expect(spy.Status.ThreadID).To(BeEmpty())
}
