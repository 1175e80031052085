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
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// A thread that ACS lists exists, even if ACS does not find it.
func TestListedThreadIsNotGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.readyThread("room")
	id := thread.Status.ThreadID
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Status: http.StatusNotFound})
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(w.message(thread)).To(ContainSubstring("lists it among the threads of service user"))
	remove()
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(1))
}

// No second thread is created beside a listed thread of an earlier ChatThread of the same name.
func TestListedThreadIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.readyThread("room")
	id := thread.Status.ThreadID
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Status: http.StatusNotFound})
	w.lose(thread)
	restored := w.newThread("room")
	w.create(restored)
	w.awaitReason(restored, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(w.message(restored)).To(ContainSubstring("lists it among the threads of service user"))
	remove()
	w.request(restored)
	w.awaitReason(restored, chatv1alpha1.ReasonSucceeded)
	w.Expect(restored.Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(1))
}

// One answer 404 does not lead to a second thread, even if the search has just found the first.
func TestFoundThreadIsMissedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("missed")
	id := thread.Status.ThreadID
	w.lose(thread)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Times: 1, Status: http.StatusNotFound})
	again := w.readyThread("missed")
	w.Expect(again.Status.ThreadID).To(Equal(id))
	w.Expect(w.emulator.Threads()).To(HaveLen(1))
}

// Of several threads with the stamp, the oldest is used. A Warning event names the others, which
// stay as they are.
func TestOldestOfSeveralIsTaken(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(-5 * time.Minute)
	w := newWorld(t, emulator.Options{Clock: func() time.Time { return now }})
	pinned := w.emulator.CreateUser()
	stamp := func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/several", chatv1alpha1.StampUID: "former"}
	}
	oldest := w.emulator.CreateThread(pinned, "first")
	w.emulator.UpdateThread(oldest, stamp)
	now = now.Add(time.Minute)
	younger := w.emulator.CreateThread(pinned, "second")
	w.emulator.UpdateThread(younger, stamp)
	w.ready(withPinned(pinned))
	thread := w.readyThread("several")
	w.Expect(thread.Status.ThreadID).To(Equal(oldest))
	left, _ := w.emulator.Thread(younger)
	w.Expect(left.DeletedOn).To(BeNil())
	w.Expect(left.Topic).To(Equal("second"))
	w.Eventually(func() []string { return w.eventNotes(thread) }).Should(ContainElement(And(ContainSubstring("not touched"), ContainSubstring(younger))))
}

// A thread waits until all service users of its connection are known, since it may be in the list
// of any of them.
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
			s := situation{run: run{thread: &chatv1alpha1.ChatThread{}}, link: link{
				conn: &chatv1alpha1.ChatConnection{}, session: connection.NewConnection(pacing.New(false)),
			}}
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

// The search finds a thread that moves to an earlier page while the list is read.
func TestSearchFindsThreadsThatMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	id := w.emulator.CreateThread(pinned, "topic of moving")
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/moving", chatv1alpha1.StampUID: "former"}
	})
	for range 200 + 50 {
		w.emulator.CreateThread(pinned, "another")
	}
	lists := 0
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationListThreads, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		if lists++; lists == 1 {
			// The oldest thread moves from the last page to the first.
			w.emulator.AddMember(id, emulator.Member{ID: w.emulator.CreateUser()})
		}
		return status, body
	}})
	w.ready(withPinned(pinned), func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.Quotas = &chatv1alpha1.Quotas{ReadThread: &chatv1alpha1.Quota{Per10s: 10000}}
	})
	thread := w.newThread("moving")
	w.create(thread)
	w.Eventually(func() string { w.get(thread); return thread.Status.ThreadID }).Should(Equal(id))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
}
