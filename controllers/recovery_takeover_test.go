// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// restored replaces a ChatThread by one from a backup: without status, and with its finalizer.
func restored(w *world, thread *chatv1alpha1.ChatThread) *chatv1alpha1.ChatThread {
	w.t.Helper()
	w.get(thread)
	again := w.newThread(thread.Name)
	again.Spec, again.Annotations, again.Finalizers = thread.Spec, thread.Annotations, thread.Finalizers
	w.lose(thread)
	w.create(again)
	return again
}

// A ChatThread that was restored with Observe owns its thread once it is managed again.
func TestRestoredToObserve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("observed")
	id := thread.Status.ThreadID
	edit(w, thread, observing)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	again := restored(w, thread)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	edit(w, again, managing)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	w.Expect(again.Status.ThreadID).To(Equal(id))
	w.Expect(w.remote(again).Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, string(again.UID)))
}

// A thread that was released with its stamp is found by the next ChatThread of the name, even if
// this process has not read it before.
func TestLeftThreadIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.connect()
	stop := w.start()
	thread := w.readyThread("left")
	id := thread.Status.ThreadID
	edit(w, thread, observing)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	stop()
	w.start()
	w.readyThread("other")
	w.delete(thread)
	w.awaitGone(thread)
	again := w.readyThread("left")
	w.Expect(again.Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(2))
}

// If somebody removes the finalizer of a ChatThread, the next one of the same name finds its
// thread, even if it had an owner when the lists were read.
func TestThreadWithoutItsFinalizerIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.connect()
	stop := w.start()
	thread := w.readyThread("left")
	stop()
	w.start()
	w.readyThread("other")
	w.lose(thread)
	again := w.readyThread("left")
	w.Expect(again.Status.ThreadID).To(Equal(thread.Status.ThreadID))
	w.Expect(w.threads()).To(HaveLen(2))
}

// If a ChatThread is abandoned during a create, the next one of the same name searches for the
// thread.
func TestThreadOfACreateThatWasGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{ListDelay: 200 * time.Millisecond})
	w.timing.listAfter = 5 * time.Second // time enough to see the lost answer
	w.ready()
	w.readyThread("first")
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, DropAfter: true})
	thread := w.newThread("given-up")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(thread.Status.ThreadID).To(BeEmpty())
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { objects.SetAnnotation(o, chatv1alpha1.AnnotationAbandon, "true") })
	w.delete(thread)
	w.awaitGone(thread)
	remove()
	w.readyThread("given-up")
	w.Expect(w.threads()).To(HaveLen(2))
}

// A thread that a ChatThread found and could not stamp is found by the next one of its name.
func TestThreadThatWasNotStampedIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("passed-on")
	w.lose(thread)
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationUpdateThread, Status: http.StatusForbidden})
	second := w.newThread("passed-on")
	w.create(second)
	w.awaitReason(second, chatv1alpha1.ReasonAccessLost)
	w.delete(second)
	w.awaitGone(second)
	remove()
	third := w.readyThread("passed-on")
	w.Expect(third.Status.ThreadID).To(Equal(thread.Status.ThreadID))
	w.Expect(w.threads()).To(HaveLen(1))
}

// A new ChatThread does not insist on a thread that its predecessor lost access to and abandoned.
func TestThreadThatWasGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("shut")
	w.emulator.UpdateThread(thread.Status.ThreadID, func(remote *emulator.Thread) { remote.Members = nil })
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	})
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { objects.SetAnnotation(o, chatv1alpha1.AnnotationAbandon, "true") })
	w.delete(thread)
	w.awaitGone(thread)
	again := w.readyThread("shut")
	w.Expect(again.Status.ThreadID).NotTo(Equal(thread.Status.ThreadID))
}
