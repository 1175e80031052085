// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// restoreStatus stores an object of a backup with its status and a new uid.
func restoreStatus(w *world, backup client.Object) {
	w.t.Helper()
	obj := objects.CopyOf(backup)
	obj.SetUID("")
	obj.SetResourceVersion("")
	w.Expect(admin.Create(w.t.Context(), obj)).To(Succeed())
	status := objects.CopyOf(backup)
	status.SetUID(obj.GetUID())
	status.SetResourceVersion(obj.GetResourceVersion())
	w.Expect(admin.Status().Update(w.t.Context(), status)).To(Succeed())
}

// After a restore with status, under new uids, all threads are found again.
func TestRestoreWithStatus(t *testing.T) {
	t.Parallel()
	for name, adopts := range map[string]bool{"made here": false, "adopted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			conn := w.connect(allow)
			stop := w.start()
			w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
			users := w.users(2)
			thread := w.newThread("room", users...)
			if adopts {
				thread = adopting(w, "room", foreignThread(w, conn, users[0]), users...)
			}
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			backup := thread.DeepCopy()
			stop()
			w.lose(thread)
			restoreStatus(w, backup)
			w.start()
			w.Eventually(func() string {
				w.get(thread)
				return thread.Status.UID
			}).ShouldNot(Equal(string(backup.UID)))
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(thread.Status.ThreadID).To(Equal(backup.Status.ThreadID))
			w.Expect(w.remote(thread).Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, string(thread.UID)))
			for _, user := range users {
				w.Expect(w.remote(thread).Members).To(ContainElement(HaveField("ID", user)))
			}
			w.Expect(w.threads()).To(HaveLen(1))
		})
	}
}

// If another resource has the thread of a restored copy, the copy creates its own thread. If it is
// deleted before, it deletes nothing.
func TestRestoredCopyTakesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(allow)
	stop := w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.readyThread("room")
	backup := thread.DeepCopy()
	stop()
	for _, name := range []string{"copy", "gone"} {
		backup.Name = name
		restoreStatus(w, backup)
	}
	gone, replica := w.newThread("gone"), w.newThread("copy")
	w.delete(gone)
	w.start()
	w.awaitGone(gone)
	w.Eventually(func() bool { w.get(replica); return replica.Status.UID == string(replica.UID) }).Should(BeTrue())
	w.awaitReason(replica, chatv1alpha1.ReasonSucceeded)
	w.Expect(replica.Status.ThreadID).NotTo(Equal(thread.Status.ThreadID))
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(backup.Status.ThreadID))
}
