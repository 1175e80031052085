// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A refusal of the API server appears in the status, and no deleted thread is Ready.
func TestAdmissionPolicyIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	labeled := w.readyThread("labeled")
	denyUpdates(w)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(thread)).To(ContainSubstring("the label team is required"))
	w.delete(labeled)
	w.awaitReason(labeled, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(labeled)).To(And(ContainSubstring("the label team is required"), ContainSubstring(chatv1alpha1.AnnotationAbandon)))
	for _, obj := range []*chatv1alpha1.ChatThread{labeled, thread} {
		edit(w, obj, func(o *chatv1alpha1.ChatThread) { o.Labels = map[string]string{"team": "blue"} })
	}
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "another" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
}

// An operator that may no longer read a Secret reports it, and continues with the credential in
// memory.
func TestOperatorMayNotReadTheSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn, late := w.connect(), newConnection(w.namespace, "late")
	var denied atomic.Bool
	w.startAs(forbidSecrets(&denied), w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread, going := w.newThread("room", w.users(1)...), w.newThread("going")
	w.create(thread, going)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(going, chatv1alpha1.ReasonSucceeded)

	denied.Store(true)
	waiting := w.newThread("waiting")
	waiting.Spec.ConnectionRef.Name = "late"
	w.create(late, waiting)
	w.awaitReason(late, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(late)).To(ContainSubstring(`User "operator" cannot get resource "secrets"`))
	w.awaitReason(waiting, chatv1alpha1.ReasonConnectionNotReady)
	w.Expect(w.message(waiting)).To(ContainSubstring(chatv1alpha1.ReasonPermissionDenied))
	askConnection(w, conn, "1")
	w.awaitReason(conn, chatv1alpha1.ReasonPermissionDenied)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "edited meanwhile" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal("edited meanwhile"))
	w.delete(going)
	w.awaitGone(going)

	denied.Store(false)
	askConnection(w, conn, "2")
	askConnection(w, late, "2")
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(waiting, chatv1alpha1.ReasonSucceeded)
}
