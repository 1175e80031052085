// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Threads are deleted by the users that made them, whoever cuts the record of these while the connection goes.
func TestRecordIsCutWhileTheConnectionGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.newThread("last", w.users(1)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { delete(o.Annotations, chatv1alpha1.AnnotationServiceUsers) })
	w.delete(thread)
	w.awaitGone(thread)
	w.awaitGone(conn)
	w.Expect(w.threads()).To(BeEmpty())
}

// A thread that was certainly not made goes with the users that are pinned later.
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

// The endpoint of a Secret that was a mistake is not held against the right one.
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

// Threads wait for all users of their connection: in the lists of some they may not be found.
func TestThreadWaitsForAllUsers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotation string
		status     []string
		want       string
	}{
		"nobody is known": {"", nil, chatv1alpha1.ReasonConnectionNotReady},
		"all were cut":    {"", []string{"8:acs:a"}, chatv1alpha1.ReasonConnectionNotReady},
		"one was cut":     {"8:acs:b", []string{"8:acs:a", "8:acs:b"}, chatv1alpha1.ReasonConnectionNotReady},
		"all are known":   {"8:acs:b,8:ACS:A", []string{"8:acs:a", "8:acs:b"}, chatv1alpha1.ReasonSucceeded},
		"not in status":   {"8:acs:b", nil, chatv1alpha1.ReasonSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := situation{run: run{thread: &chatv1alpha1.ChatThread{}}, link: link{conn: &chatv1alpha1.ChatConnection{}}}
			objects.SetAnnotation(s.conn, chatv1alpha1.AnnotationServiceUsers, c.annotation)
			for _, id := range c.status {
				s.conn.Status.ServiceUsers = append(s.conn.Status.ServiceUsers, chatv1alpha1.ServiceUserID(id))
			}
			s.users = connection.UsersOf(s.conn).Usable()
			if got := outcome.Classify(s.checkUsers()); got.Reason != c.want || got.Stalled {
				t.Errorf("got %+v", got)
			}
		})
	}
}
