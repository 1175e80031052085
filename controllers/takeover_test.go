// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// restored is a ChatThread as a backup brings it back: without status, and with its finalizer.
func restored(w *world, thread *chatv1alpha1.ChatThread) *chatv1alpha1.ChatThread {
	w.t.Helper()
	w.get(thread)
	again := w.newThread(thread.Name)
	again.Spec, again.Annotations, again.Finalizers = thread.Spec, thread.Annotations, thread.Finalizers
	w.lose([]client.Object{thread})
	w.create(again)
	return again
}

func observing(thread *chatv1alpha1.ChatThread) {
	thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
}

func managing(thread *chatv1alpha1.ChatThread) {
	thread.Spec.ManagementPolicy = chatv1alpha1.ManagementManage
}

// A thread that was restored to be observed first is no other cluster's when it is managed again.
func TestRestoredToObserve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("observed")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	id := thread.Status.ThreadID
	edit(w, thread, observing)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	again := restored(w, thread)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	edit(w, again, managing)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	w.Expect(again.Status.ThreadID).To(Equal(id))
	w.Expect(w.remote(again).Metadata).To(HaveKeyWithValue(uidStampKey, string(again.UID)))
}
