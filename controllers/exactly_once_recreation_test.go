// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// A thread that was deleted at ACS is recreated with another request id.
func TestRecreation(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]emulator.DeletedThreads{"404": emulator.DeletedNotFound, "deletedOn": emulator.DeletedMarked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{DeletedThreads: deleted})
			w.ready()
			thread := w.readyThread("recreated", w.users(2)...)
			first := thread.Status.ThreadID
			w.emulator.DeleteThread(first)
			w.request(thread)
			w.Eventually(func() string { w.get(thread); return thread.Status.ThreadID }).ShouldNot(Or(BeEmpty(), Equal(first)))
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(thread.Status.Incarnation).To(Equal(int64(1)))
			w.Expect(w.memberIDs(thread)).To(HaveLen(2))
			w.Expect(w.remote(thread).RepeatabilityID).To(Equal(incarnationID(thread.UID, 1)))
			w.Expect(w.threads()).To(HaveLen(1))
		})
	}
}

// If the policy forbids the recreation of a thread, the status reports the loss, and no thread is
// created.
func TestThreadGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("gone", w.users(2)...)
	thread.Spec.Retention = &chatv1alpha1.Retention{DeleteAfterDays: 30}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).RetentionDays).To(Equal(int32(30)))
	w.emulator.DeleteThread(thread.Status.ThreadID)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonThreadGone)
	w.Expect(thread.Status.Joined).To(Equal("0/2"))
	w.Expect(w.threads()).To(BeEmpty())
	w.delete(thread)
	w.awaitGone(thread)
}

// If ACS reports every thread as missing, only a few are recreated.
func TestRecreationsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	const count = 5
	threads := make([]*chatv1alpha1.ChatThread, count)
	for i := range threads {
		threads[i] = w.newThread("many-" + string(rune('a'+i)))
		w.create(threads[i])
	}
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		w.emulator.DeleteThread(thread.Status.ThreadID)
	}
	for _, thread := range threads {
		w.request(thread)
	}
	held := func() (held []*chatv1alpha1.ChatThread) {
		for _, thread := range threads {
			w.get(thread)
			if _, reason := objects.ReadyReason(thread); reason == chatv1alpha1.ReasonThreadGone {
				held = append(held, thread)
			}
		}
		return held
	}
	w.Eventually(func() int { return len(held()) }).Should(Equal(count - connection.MaxRecreations))
	w.Eventually(func() int { return len(w.threads()) }).Should(Equal(connection.MaxRecreations))
	last := held()[0]
	// A reconcile that fails early does not use up the request.
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: last.Status.ThreadID, Status: http.StatusServiceUnavailable, Times: 2})
	w.request(last)
	w.awaitReason(last, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(connection.MaxRecreations + 1))
}

// A thread from which the service user was removed may still exist, and is never recreated.
func TestAccessLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.newThread("shut-out")
	w.create(thread)
	participant := w.newParticipant("inside", "shut-out", w.users(1)[0])
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	user := connection.UsersOf(conn).Recorded()[0]
	w.emulator.RemoveMember(thread.Status.ThreadID, user)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.awaitReason(participant, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.message(thread)).To(ContainSubstring(user))

	// A deletion waits, and names the annotation that ends the wait.
	w.delete(participant)
	w.Eventually(func() string { w.get(participant); return readyMessageOf(participant) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
	w.delete(thread)
	w.Eventually(func() string { w.get(thread); return readyMessageOf(thread) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
	w.awaitGone(participant)
	w.emulator.AddMember(thread.Status.ThreadID, emulator.Member{ID: user})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	})
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}

// Each incarnation has its own UUID as a request id, without SHA-1.
func TestIncarnationIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, uid := range []types.UID{"6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c", "not-a-uuid"} {
		for incarnation := range int64(3) {
			id := incarnationID(uid, incarnation)
			if seen[id] {
				t.Errorf("%s comes twice", id)
			}
			seen[id] = true
			parsed, err := uuid.Parse(id)
			if err != nil || parsed.Version() != 8 || parsed.Variant() != uuid.RFC4122 {
				t.Errorf("%s is no UUID of version 8: %v", id, err)
			}
		}
	}
}
