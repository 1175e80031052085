// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// Service users are created once and recorded before use, and their record only grows.
func TestServiceUsersAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(withCount(2))
	made := w.emulator.Users()
	w.Expect(made).To(HaveLen(2))
	w.Expect([]string(connection.UsersOf(conn).Recorded())).To(Equal(made))
	w.Expect(conn.Annotations[chatv1alpha1.AnnotationEndpoint]).To(Equal(w.server.URL))
	w.Expect(conn.Status.Endpoint).To(Equal(w.server.URL))
	w.Expect(conn.Status.ServiceUsers).To(HaveLen(2))
	w.Expect(w.message(conn)).To(And(ContainSubstring("spec.serviceUsers.ids"), ContainSubstring(made[0]), ContainSubstring(made[1])))

	// New threads are spread over them.
	for _, name := range []string{"a", "b", "c", "d"} {
		w.readyThread(name)
	}
	counts := map[string]int{}
	for _, thread := range w.threads() {
		counts[thread.CreatedBy]++
	}
	w.Expect(counts).To(Equal(map[string]int{made[0]: 2, made[1]: 2}))

	// A dropped record is restored from the status, and no user is created for it.
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { delete(o.Annotations, chatv1alpha1.AnnotationServiceUsers) })
	w.Eventually(func() []string { w.get(conn); return connection.UsersOf(conn).Recorded() }).Should(Equal(made))
	w.Expect(w.emulator.Users()).To(HaveLen(2))

	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { *o.Spec.ServiceUsers.Count = 3 })
	w.Eventually(func() []string { w.get(conn); return connection.UsersOf(conn).Recorded() }).Should(HaveLen(3))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { *o.Spec.ServiceUsers.Count = 1 })
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.Expect(connection.UsersOf(conn).Recorded()).To(HaveLen(3))
	w.Expect([]string(connection.UsersOf(conn).ForNewThreads())).To(Equal(made[:1]))
}

// An invalid id in the record of service users does not keep the rest of the status from being
// stored.
func TestJunkAmongRecordedUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(func(conn *chatv1alpha1.ChatConnection) {
		objects.SetAnnotation(conn, chatv1alpha1.AnnotationServiceUsers, "no id of a user")
	})
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonAuthenticationFailed)
	w.Expect(conn.Status.ServiceUsers).To(BeEmpty())
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		delete(o.Annotations, chatv1alpha1.AnnotationServiceUsers)
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "corrected")
	})
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
}

// Pinned service users are used as they are, with their display name in the threads.
func TestPinnedServiceUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	conn := w.ready(withPinned(pinned), func(conn *chatv1alpha1.ChatConnection) { conn.Spec.ServiceUsers.DisplayName = "Concierge" })
	w.Expect(w.emulator.Users()).To(Equal([]string{pinned}))
	w.Expect(w.message(conn)).NotTo(ContainSubstring("spec.serviceUsers.ids"))
	thread := w.readyThread("pinned", w.users(2)...)
	remote := w.remote(thread)
	w.Expect(remote.CreatedBy).To(Equal(pinned))
	for _, m := range remote.Members {
		if m.ID == pinned {
			w.Expect(m.DisplayName).To(Equal("Concierge"))
		}
	}
	w.Expect(thread.Status.ServiceUser).To(Equal(pinned))

	unknown := newConnection(w.namespace, "unknown")
	withPinned("8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-00000000dead")(unknown)
	w.create(unknown)
	w.awaitReason(unknown, chatv1alpha1.ReasonInvalidRequest)
	w.Expect(w.message(unknown)).To(ContainSubstring("spec.serviceUsers.ids"))
}

// A service user is stored before it is used, and none is lost if that fails.
func TestServiceUserIsStoredBeforeUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusServiceUnavailable, Times: 2})
	conn := w.ready(withCount(2))
	for _, request := range w.emulator.Requests() {
		if request.Operation == emulator.OperationCreateThread {
			t.Errorf("a thread was created before the connection was ready")
		}
	}
	w.Expect(w.emulator.Users()).To(HaveLen(2))
	w.Expect(client.ObjectKeyFromObject(conn).Name).To(Equal("default"))
}

// A thread that ACS certainly did not create moves to service users that are pinned later.
func TestRefusedThreadGoesToLaterUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	first, later := w.emulator.CreateUser(), w.emulator.CreateUser()
	conn := w.ready(withPinned(first))
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusForbidden})
	thread := w.newThread("refused")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAuthenticationFailed)
	w.Expect(thread.Annotations).To(HaveKeyWithValue(chatv1alpha1.AnnotationServiceUser, first))
	remove()
	edit(w, conn, withPinned(later))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ServiceUser).To(Equal(later))
	w.Expect(thread.Annotations).To(HaveKeyWithValue(chatv1alpha1.AnnotationServiceUser, later))
	w.Expect(w.emulator.Threads()).To(HaveLen(1))
}

// The endpoint of a wrong Secret is not recorded, so that the right Secret is accepted.
func TestEndpointWithoutAUserIsNotRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(withPinned("8:acs:of-another-resource"))
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonInvalidRequest)
	w.Expect(conn.Annotations).NotTo(HaveKey(chatv1alpha1.AnnotationEndpoint))
	w.Expect(conn.Status.Endpoint).To(BeEmpty())
	edit(w, conn, withPinned(w.emulator.CreateUser()))
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.Expect(conn.Annotations).To(HaveKeyWithValue(chatv1alpha1.AnnotationEndpoint, conn.Status.Endpoint))
	w.Expect(conn.Status.Endpoint).NotTo(BeEmpty())
}

// If a ChatConnection is replaced and has other service users, its threads name the missing id.
func TestReplacedConnectionNamesTheLostUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	thread := w.readyThread("room", w.users(1)...)
	lost := chatv1alpha1.ServiceUserID(thread.Status.ServiceUser)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { o.Finalizers = nil })
	w.awaitGone(conn)
	again := newConnection(w.namespace, "default")
	allow(again)
	w.create(again)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(thread)).To(And(ContainSubstring(string(lost)), ContainSubstring("spec.serviceUsers.ids")))
	edit(w, again, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{lost}}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(1))
}

// An annotation cannot choose a service user that is no longer in the pool for a new thread.
func TestRetiredUserMakesNoThreads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	two, one := int32(2), int32(1)
	conn := w.ready(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{Count: &two}
	})
	w.get(conn)
	users := connection.UsersOf(conn).Recorded()
	w.Expect(users).To(HaveLen(2))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { o.Spec.ServiceUsers.Count = &one })
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("room")
	thread.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: users[1]}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ServiceUser).To(Equal(users[0]))
}
