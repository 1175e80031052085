// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// A namespace that loses the label for a connection keeps its threads there, but can only delete
// them.
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
	kept := w.readyThread("kept", w.users(1)...)
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

// Other namespaces can use a connection only while it allows them.
func TestAllowedNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready()
	thread := w.newThread("guest", w.users(1)...)
	thread.Namespace = guest
	thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(objects.HasFinalizer(thread)).To(BeFalse())
	w.Expect(w.threads()).To(BeEmpty())

	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
			Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"kubernetes.io/metadata.name": chatv1alpha1.LabelValue(guest)}}}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSame}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not sent" })
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(w.threads()[0].Topic).NotTo(Equal("not sent"))
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}

// A namespace that may not use a connection cannot delete threads of others through it.
func TestForeignNamespaceCannotDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready()
	victim := w.readyThread("victim")
	forged := w.newThread("victim")
	forged.Namespace = guest
	forged.Finalizers = []string{chatv1alpha1.Finalizer}
	forged.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: connection.UsersOf(conn).Recorded()[0]}
	forged.Spec.ThreadID = victim.Status.ThreadID
	forged.Spec.DeletionPolicy = chatv1alpha1.DeletionDelete
	forged.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(forged)
	w.delete(forged)
	w.awaitGone(forged)
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.remote(victim).Metadata[chatv1alpha1.StampUID]).To(Equal(string(victim.UID)))
}

// Not every namespace may use the operator's own identity.
func TestEntraNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.start()
	conn := newConnection(w.namespace, "entra")
	conn.Spec = chatv1alpha1.ChatConnectionSpec{Entra: &chatv1alpha1.EntraIdentity{Endpoint: w.server.URL}}
	w.create(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(w.message(conn)).To(ContainSubstring("--entra-namespaces"))
	w.Expect(w.emulator.Requests()).To(BeEmpty())
}
