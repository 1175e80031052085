// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

// If a ChatThread is renamed in one commit, the new one, applied first, adopts the thread as soon
// as the old one has released it.
func TestRename(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	users := w.users(2)
	former := w.newThread("room", users...)
	former.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	w.create(former)
	w.awaitReason(former, chatv1alpha1.ReasonSucceeded)
	later := adopting(w, "room-2", former.Status.ThreadID, users...)
	w.create(later)
	w.awaitReason(later, chatv1alpha1.ReasonOwnedByAnother)
	w.delete(former)
	w.awaitReason(later, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(later)).To(ConsistOf(users))
	w.Expect(w.threads()).To(HaveLen(1))
}

// A thread moves to another namespace through a shared connection, if the ChatThread that releases
// it names the new one.
func TestMoveToAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	there := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, there)
	w.ready(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	users := w.users(2)
	former := w.newThread("room", users...)
	former.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	w.create(former)
	w.awaitReason(former, chatv1alpha1.ReasonSucceeded)
	id := former.Status.ThreadID
	moved := func(name string) *chatv1alpha1.ChatThread {
		thread := adopting(w, name, id, users...)
		thread.Namespace = there
		thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
		return thread
	}
	right, wrong := moved("room"), moved("stranger")
	w.create(right, wrong)
	w.awaitReason(right, chatv1alpha1.ReasonOwnedByAnother)
	w.Expect(w.message(right)).To(ContainSubstring(chatv1alpha1.AnnotationReleaseTo + ": " + there + "/room"))
	edit(w, former, func(o *chatv1alpha1.ChatThread) {
		metav1.SetMetaDataAnnotation(&o.ObjectMeta, chatv1alpha1.AnnotationReleaseTo, there+"/room")
	})
	w.delete(former)
	w.awaitReason(right, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(wrong, chatv1alpha1.ReasonOwnedByAnother)
	remote := w.remote(right)
	w.Expect(remote.Metadata[chatv1alpha1.StampOwner]).To(Equal(there + "/room"))
	w.Expect(remote.Metadata[chatv1alpha1.StampReleasedBy] + remote.Metadata[chatv1alpha1.StampReleasedTo]).To(BeEmpty())
}

// A thread that another namespace released to nobody stays closed, and the message names the
// annotation that opens it.
func TestReleasedToNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	there := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, there)
	conn := w.ready(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	id := w.emulator.CreateThread(connection.UsersOf(conn).Recorded()[0], "released")
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampReleasedBy: w.namespace + "/room"}
	})
	thread := adopting(w, "room", id)
	thread.Namespace = there
	thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.Expect(w.message(thread)).To(And(ContainSubstring("was released by ChatThread "+w.namespace+"/room"), ContainSubstring(chatv1alpha1.AnnotationReleaseTo)))
}

// A ChatThread that adopts a thread removes no member that a former ChatThread of the operator
// added.
func TestAdoptionKeepsMembersOfTheFormerOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	users := w.users(3)
	former := newcomers(w, "a", users...)
	edit(w, former, func(o *chatv1alpha1.ChatThread) { o.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain })
	w.awaitReason(former, chatv1alpha1.ReasonSucceeded)
	id := former.Status.ThreadID
	w.delete(former)
	w.awaitGone(former)
	later := adopting(w, "b", id, users[0])
	later.Spec.Participants[0].DisplayName = "name 0"
	later.Spec.Participants[0].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
	w.create(later)
	w.awaitReason(later, chatv1alpha1.ReasonSucceeded)
	expectNames(w, later, "name", users...)
	guest := w.newParticipant("guest", "b", users[1])
	w.create(guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	expectNames(w, later, "name", users...)
}

// An explicit recreationPolicy Recreate applies to an adopted thread too. The new thread is an
// ordinary one.
func TestAdoptedThreadIsRecreatedWhereAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	users := w.users(1)
	id := foreignThread(w, conn, users[0])
	thread := adopting(w, "room", id, users...)
	thread.Spec.RecreationPolicy = chatv1alpha1.RecreationRecreate
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.DeleteThread(id)
	w.request(thread)
	w.Eventually(func() string { w.get(thread); return thread.Status.ThreadID }).ShouldNot(BeElementOf(id, ""))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal(users))
	w.Expect(thread.Status.Incarnation).To(Equal(int64(1)))
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(1))
}
