// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A namespace whose label lets it use another's connection has what it made there, and no more once the
// label is gone but to delete that.
func TestNamespaceLosesItsRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	label := func(value string) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: guest}}
		edit(w, ns, func(o *corev1.Namespace) { o.Labels["team"] = value })
	}
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
			Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"team": "blue"}}}
	})
	lend := func(name string) *chatv1alpha1.ChatThread {
		thread := w.newThread(name, w.users(1)...)
		thread.Namespace, thread.Spec.ConnectionRef = guest, chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
		w.create(thread)
		return thread
	}
	label("red")
	made := lend("made")
	w.awaitReason(made, chatv1alpha1.ReasonNamespaceNotAllowed)
	label("blue")
	w.awaitReason(made, chatv1alpha1.ReasonSucceeded)
	kept := w.newThread("kept", w.users(1)...)
	w.create(kept)
	w.awaitReason(kept, chatv1alpha1.ReasonSucceeded)
	participant := w.newParticipant("inside", "made", w.users(1)[0])
	participant.Namespace = guest
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)

	label("red")
	w.awaitReason(made, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.emulator.ResetRequests()
	edit(w, made, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic, o.Spec.Participants = "not sent", nil })
	late := lend("late")
	w.awaitReason(made, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.awaitReason(late, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(w.emulator.Requests()).To(BeEmpty())

	w.delete(made)
	w.delete(late)
	w.awaitGone(made)
	w.awaitGone(late)
	for _, request := range w.emulator.Requests() {
		w.Expect(request.ThreadID).To(Equal(made.Status.ThreadID), "%s %s", request.Method, request.Path)
		w.Expect(request.Operation).To(BeElementOf(emulator.OperationGetThread, emulator.OperationDeleteThread))
	}
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.remote(kept).DeletedOn).To(BeNil())
}

// Whoever writes a stamp at the service gets nothing by it: neither does the resource that it names take
// the thread, nor does the thread's own resource go on with it.
func TestStampsForgedAtTheService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	forge := func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/next", chatv1alpha1.StampUID: "1"}
	}
	// One that an application made with the service user in it, and one that a guest has.
	strange := foreignThread(w, conn)
	w.emulator.UpdateThread(strange, forge)
	thread := w.newThread("trap", w.users(1)...)
	thread.Namespace, thread.Spec.ConnectionRef = guest, chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.UpdateThread(thread.Status.ThreadID, forge)
	before := w.emulator.Threads()

	next := w.newThread("next", w.users(1)...)
	next.Spec.MembershipPolicy = chatv1alpha1.MembershipAdditive
	w.create(next)
	w.awaitReason(next, chatv1alpha1.ReasonSucceeded)
	w.Expect(next.Status.ThreadID).NotTo(BeElementOf(strange, thread.Status.ThreadID))
	w.Expect(w.memberIDs(next)).To(HaveLen(1))
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(slices.DeleteFunc(w.emulator.Threads(), func(th emulator.Thread) bool { return th.ID == next.Status.ThreadID })).To(Equal(before))
}

// Who writes into a status of its own that it has a thread of another's keeps nobody from finding that
// thread again.
func TestClaimOfAStrangerCountsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: 1})
	w.connect()
	strange := newConnection(w.namespace, "strange")
	w.create(strange)
	stop := w.start()
	w.awaitReason(strange, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("mine", w.users(1)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	stop()
	forged := w.newThread("forged")
	forged.Spec.ConnectionRef.Name, forged.Spec.ManagementPolicy = strange.Name, chatv1alpha1.ManagementObserve
	w.create(forged)
	id := thread.Status.ThreadID
	w.writeStatus(forged, chatv1alpha1.ChatThreadStatus{ThreadID: id})
	w.writeStatus(thread, chatv1alpha1.ChatThreadStatus{Incarnation: 1})

	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(1))
}

// writeStatus writes a status as only somebody can who may write it.
func (w *world) writeStatus(thread *chatv1alpha1.ChatThread, status chatv1alpha1.ChatThreadStatus) {
	w.t.Helper()
	before := thread.DeepCopy()
	thread.Status = status
	w.Expect(admin.Status().Patch(w.t.Context(), thread, client.MergeFrom(before))).To(Succeed())
}
