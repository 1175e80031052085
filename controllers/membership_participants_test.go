// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A ChatParticipant that cannot be removed yet reports the reason.
func TestWaitingParticipantIsNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread, guest := w.newThread("room"), w.newParticipant("guest", "room", w.users(1)[0])
	w.create(thread, guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remove := w.emulator.Inject(emulator.Fault{Status: http.StatusServiceUnavailable})
	w.delete(guest)
	w.awaitReason(guest, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(w.message(guest)).To(And(ContainSubstring(chatv1alpha1.ReasonServiceUnavailable), ContainSubstring(chatv1alpha1.AnnotationAbandon)))
	remove()
	w.awaitGone(guest)
	w.Expect(w.memberIDs(thread)).To(BeEmpty())
}

// If a namespace loses access, its ChatParticipants are not Ready, and each reports the reason.
func TestParticipantsOfANamespaceThatIsShutOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	there := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, there)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there}}
	edit(w, ns, func(o *corev1.Namespace) { metav1.SetMetaDataLabel(&o.ObjectMeta, "chat", "yes") })
	w.ready(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
			Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"chat": "yes"}}}
	})
	thread, guest := w.newThread("room"), w.newParticipant("guest", "room", w.users(1)[0])
	thread.Namespace, guest.Namespace = there, there
	thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(thread, guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	edit(w, ns, func(o *corev1.Namespace) { delete(o.Labels, "chat") })
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.awaitReason(guest, chatv1alpha1.ReasonThreadNotReady)
	w.delete(guest)
	w.Eventually(func() string { return w.message(guest) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
}
