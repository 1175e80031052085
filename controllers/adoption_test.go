// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// Adoption takes over a thread as it is, keeps its members, and releases it on deletion.
func TestAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	users := w.users(2)
	id := foreignThread(w, conn, users[0])
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{"theirs": "kept"}
		th.RetentionDays = 60
	})
	before, _ := w.emulator.Thread(id)
	thread := adopting(w, "adopt", id, users[1])
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remote := w.remote(thread)
	w.Expect(remote.Topic).To(Equal("topic of adopt"))
	w.Expect(remote.Members).To(HaveLen(len(before.Members) + 1))
	w.Expect(remote.Metadata).To(HaveKeyWithValue("theirs", "kept"))
	w.Expect(remote.RetentionDays).To(Equal(int32(60)))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElement(chatv1alpha1.EventAdopted))

	second := adopting(w, "second", id)
	w.create(second)
	w.awaitReason(second, chatv1alpha1.ReasonOwnedByAnother)
	w.Expect(objects.HasFinalizer(second)).To(BeFalse())
	w.delete(second)
	w.awaitGone(second)

	w.delete(thread)
	w.awaitGone(thread)
	left, _ := w.emulator.Thread(id)
	w.Expect(left.DeletedOn).To(BeNil())
	w.Expect(left.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampReleasedBy, w.namespace+"/adopt"))
	w.Expect(left.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, ""))

	// A released thread can be adopted again in the same namespace.
	again := adopting(w, "again", id)
	w.create(again)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	left, _ = w.emulator.Thread(id)
	w.Expect(left.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampReleasedBy, ""))
}

// An adoption that is not possible reports the reason, and creates no thread.
func TestAdoptionRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	missing := adopting(w, "missing", "19:nothing@thread.v2")
	shut := adopting(w, "shut", w.emulator.CreateThread(w.emulator.CreateUser(), "not ours"))
	w.create(missing, shut)
	w.awaitReason(missing, chatv1alpha1.ReasonThreadGone)
	w.Expect(w.message(missing)).To(ContainSubstring("spec.threadID"))
	w.awaitReason(shut, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(shut)).To(ContainSubstring(connection.UsersOf(conn).Recorded()[0]))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.emulator.AddMember(shut.Spec.ThreadID, emulator.Member{ID: connection.UsersOf(conn).Recorded()[0]})
	w.request(shut)
	w.awaitReason(shut, chatv1alpha1.ReasonSucceeded)
	w.delete(missing)
	w.awaitGone(missing)
}

// Another namespace cannot adopt a released thread through a shared connection.
func TestReleasedByAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	thread := w.newThread("private", w.users(1)...)
	thread.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	id := thread.Status.ThreadID
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.threads()).To(HaveLen(1))
	thief := adopting(w, "thief", id)
	thief.Namespace = guest
	thief.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	w.create(thief)
	w.awaitReason(thief, chatv1alpha1.ReasonOwnedByAnother)
}

// A thread that a second cluster took over is neither changed nor deleted.
func TestOwnedByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("taken")
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) { th.Metadata[chatv1alpha1.StampUID] = "another cluster's" })
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.emulator.ResetRequests()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not sent" })
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.writes()).To(BeZero())
	w.Expect(w.threads()).To(HaveLen(1))
}

// The loser of a takeover creates no other thread when the thread is gone: two clusters that create
// one each would make two rooms. A person may ask for one.
func TestLoserOfATakeoverCreatesNothing(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]emulator.DeletedThreads{"404": emulator.DeletedNotFound, "deletedOn": emulator.DeletedMarked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{DeletedThreads: deleted})
			conn := w.connect()
			stop := w.start()
			w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
			thread := w.readyThread("taken")
			w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) { th.Metadata[chatv1alpha1.StampUID] = "another cluster's" })
			w.request(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
			w.Expect(w.message(thread)).To(ContainSubstring("Delete this ChatThread: the thread stays"))
			w.emulator.DeleteThread(thread.Status.ThreadID)
			// A new process knows of the takeover from the status only.
			stop()
			w.start()
			w.Eventually(func() string { return w.message(thread) }).Should(ContainSubstring("no longer exists"))
			w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
			w.Expect(w.threads()).To(BeEmpty())

			w.request(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.threads()).To(HaveLen(1))
		})
	}
}

// The message for a thread of another namespace does not say whether that namespace has such a
// ChatThread: any member of a thread could write its name, and ask so for each name.
func TestOwnedByAnotherNamespaceTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	other := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, other)
	conn := w.ready()
	present := w.newThread("present")
	present.Namespace = other
	w.create(present)
	said := map[string]string{}
	// The operator does not even watch the last one.
	for name, owner := range map[string]string{"there": other + "/present", "absent": other + "/absent", "unwatched": "unwatched/absent"} {
		id := foreignThread(w, conn)
		w.emulator.UpdateThread(id, func(th *emulator.Thread) {
			th.Metadata = map[string]string{chatv1alpha1.StampOwner: owner, chatv1alpha1.StampUID: "of another"}
		})
		thread := adopting(w, name, id)
		w.create(thread)
		w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
		said[name] = strings.NewReplacer(id, "ID", owner, "OWNER", w.namespace+"/"+name, "SELF").Replace(w.message(thread))
	}
	w.Expect(said["there"]).To(And(Equal(said["absent"]), Equal(said["unwatched"])))
}
