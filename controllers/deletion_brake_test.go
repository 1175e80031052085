// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// Deletions beyond the limit of the connection wait until a person confirms them.
func TestMaxDeletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.MaxDeletions = &chatv1alpha1.MaxDeletions{Count: 2, Per: &metav1.Duration{Duration: time.Hour}}
	})
	stop := w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	const count = 5
	threads := make([]*chatv1alpha1.ChatThread, count)
	for i := range threads {
		threads[i] = w.newThread("room-" + string(rune('a'+i)))
		w.create(threads[i])
	}
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	}
	// Deletions in the second of the start count as those of an earlier process.
	began := time.Now()
	w.Eventually(func() bool { return time.Since(began) > time.Second }).Should(BeTrue())
	for _, thread := range threads {
		w.delete(thread)
	}
	held := func() []*chatv1alpha1.ChatThread { return heldDeletions(w, threads) }
	w.Eventually(func() int { return len(w.threads()) }).Should(Equal(count - 2))
	w.Eventually(func() int { return len(held()) }).Should(Equal(count - 2))
	w.Expect(w.message(held()[0])).To(And(ContainSubstring("spec.maxDeletions"), ContainSubstring(chatv1alpha1.AnnotationConfirmDeletions), ContainSubstring(chatv1alpha1.AnnotationAbandon)))
	// Another process does not start the count again for the deletions that are left. The wait
	// makes their deletion older than its start.
	stop()
	w.Eventually(func() bool { return held()[0].DeletionTimestamp.Time.Before(time.Now().Add(-time.Second)) }).Should(BeTrue())
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { o.Spec.MaxDeletions.Count = 1 })
	w.start()
	waits := held()[0]
	w.request(waits)
	w.Expect(w.threads()).To(HaveLen(count - 2))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		metav1.SetMetaDataAnnotation(&o.ObjectMeta, chatv1alpha1.AnnotationConfirmDeletions, "1")
	})
	for _, thread := range threads {
		w.awaitGone(thread)
	}
	w.Expect(w.threads()).To(BeEmpty())
	// Deletions after a confirmation count again.
	w.Eventually(func() bool {
		w.get(conn)
		return conn.Status.DeletionsConfirmedAt.Time.Before(time.Now().Add(-2 * time.Second))
	}).Should(BeTrue())
	late := w.readyThread("late")
	w.delete(late)
	w.awaitReason(late, chatv1alpha1.ReasonDeleting)
	w.Expect(w.threads()).To(HaveLen(1))
}

// A deletion counts as one of an earlier process if it was requested before this process started,
// or in the same second.
func TestUnfinishedDeletions(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, int(700*time.Millisecond), time.UTC)
	for requested, want := range map[time.Duration]int{-time.Minute: 1, 0: 1, time.Second: 0} {
		deleted := metav1.NewTime(start.Add(requested).Truncate(time.Second))
		thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "room", DeletionTimestamp: &deleted, Finalizers: []string{chatv1alpha1.Finalizer}}}
		thread.Spec.ConnectionRef.Name = "default"
		reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(thread).
			WithIndex(thread, indexConnection, func(client.Object) []string { return []string{"a/default"} }).Build()
		r := &ChatThreadReconciler{Client: reader, startedAt: start}
		left, err := r.unfinishedDeletions(t.Context(), situation{run: run{thread: thread}})
		if err != nil || left != want {
			t.Errorf("requested %s after the second of the start: %d, want %d; error %v", requested, left, want, err)
		}
	}
}

// heldDeletions returns the threads whose deletion waits.
func heldDeletions(w *world, threads []*chatv1alpha1.ChatThread) (held []*chatv1alpha1.ChatThread) {
	for _, thread := range threads {
		if err := admin.Get(w.t.Context(), objects.KeyOf(thread), thread); err != nil {
			continue
		}
		if _, reason := objects.ReadyReason(thread); reason == chatv1alpha1.ReasonDeleting {
			held = append(held, thread)
		}
	}
	return held
}
