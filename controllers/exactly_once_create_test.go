// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// One ChatThread has one thread, for every failure of its create.
func TestOneThreadWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options emulator.Options
		fault   emulator.Fault
	}{
		"answer lost":                       {fault: emulator.Fault{DropAfter: true, Times: 1}},
		"answer lost at every try":          {fault: emulator.Fault{DropAfter: true, Times: 2}},
		"answer lost and forgotten":         {options: emulator.Options{RepeatabilityWindow: time.Nanosecond}, fault: emulator.Fault{DropAfter: true, Times: 2}},
		"answer lost, forgotten, late list": {options: emulator.Options{RepeatabilityWindow: time.Nanosecond, ListDelay: 200 * time.Millisecond}, fault: emulator.Fault{DropAfter: true, Times: 2}},
		"never sent":                        {fault: emulator.Fault{DropBefore: true, Times: 2}},
		"half an answer":                    {fault: emulator.Fault{Truncate: true, Times: 1}},
		"server error":                      {fault: emulator.Fault{Status: http.StatusInternalServerError, Times: 2}},
		"done, then a server error":         {fault: emulator.Fault{Times: 2, Transform: func(int, http.Header, []byte) (int, []byte) { return http.StatusBadGateway, nil }}},
		"done, then junk":                   {fault: emulator.Fault{Times: 2, Transform: func(int, http.Header, []byte) (int, []byte) { return http.StatusCreated, []byte("<html>") }}},
		"throttled":                         {fault: emulator.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}, Times: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.options)
			w.ready()
			user := w.users(1)[0]
			c.fault.Operation = emulator.OperationCreateThread
			w.emulator.Inject(c.fault)
			thread := w.readyThread("once", user)
			if c.options.RepeatabilityWindow == 0 {
				w.Expect(w.emulator.Threads()).To(HaveLen(1))
			} else {
				w.Expect(w.calls()[emulator.OperationCreateThread]).To(Equal(2), "only the tries within the one call")
			}
			w.Expect(w.remote(thread).Topic).To(Equal(thread.Spec.Topic))
			w.Expect(w.memberIDs(thread)).To(ConsistOf(user))
			w.Expect(thread.Status.Joined).To(Equal("1/1"))
		})
	}
}

// If a retry is refused, the first try may still have created the thread.
func TestRetryIsRefusedAfterALostAnswer(t *testing.T) {
	t.Parallel()
	for name, deletes := range map[string]bool{"kept": false, "deleted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Nanosecond})
			w.ready()
			w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, DropAfter: true, Times: 1})
			w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusTooManyRequests,
				Header: http.Header{"Retry-After": {"8"}}, Times: 1})
			thread := w.newThread("once")
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonThrottled)
			w.Expect(w.emulator.Threads()).To(HaveLen(1))
			if deletes {
				w.delete(thread)
				w.awaitGone(thread)
				w.Expect(w.threads()).To(BeEmpty())
				return
			}
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.emulator.Threads()).To(HaveLen(1))
		})
	}
}

// An answer with an id that is too long to store counts as none, and the search finds the thread.
func TestIDTooLongToStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Nanosecond})
	w.ready()
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		return status, bytes.Replace(body, []byte(`"id":"19:`), []byte(`"id":"19:`+strings.Repeat("x", objects.MaxThreadID)), 1)
	}})
	thread := w.readyThread("long")
	w.Expect(w.emulator.Threads()).To(HaveLen(1))
	w.Expect(thread.Status.ThreadID).To(Equal(w.emulator.Threads()[0].ID))
	w.Expect(thread.Status.Incarnation).To(BeZero())
}

// A restart during a create leads to no second thread.
func TestRestartDuringCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Nanosecond})
	conn := w.connect()
	w.timing.listAfter = time.Minute // the search finds nothing before the stop
	stop := w.start()
	w.timing = shortTiming
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, DropAfter: true})
	thread := w.newThread("restart", w.users(2)...)
	w.create(thread)
	w.Eventually(func() int { return len(w.emulator.Threads()) }).ShouldNot(BeZero())
	stop()
	made := len(w.emulator.Threads())
	w.get(thread)
	w.Expect(thread.Status.ThreadID).To(BeEmpty())
	w.Expect(objects.HasFinalizer(thread)).To(BeTrue())

	w.emulator.ResetRequests()
	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.Expect(w.emulator.Threads()).To(HaveLen(made))
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElement(chatv1alpha1.EventFound))
}

// An answer with a deleted thread does not count as the new thread.
func TestCreateAnsweredWithDeletedThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1,
		Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
			deleted := w.emulator.Threads()[0].ID
			w.emulator.DeleteThread(deleted)
			return status, []byte(`{"chatThread":{"id":"` + deleted + `","topic":"x","createdOn":"2026-01-01T00:00:00Z","deletedOn":"2026-01-02T00:00:00Z",` +
				`"createdByCommunicationIdentifier":{"rawId":"8:acs:x"}}}`)
		}})
	thread := w.readyThread("old-answer")
	w.Expect(thread.Status.Incarnation).To(Equal(int64(1)))
	w.Expect(w.threads()).To(HaveLen(1))
}

// If the status already names another thread when a create returns, the new thread is deleted.
func TestSecondThreadIsDiscarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	first := w.emulator.CreateThread(connection.UsersOf(conn).Recorded()[0], "restored meanwhile")
	release := make(chan struct{})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Block: release})
	thread := w.newThread("raced")
	w.create(thread)
	w.Eventually(func() int { return w.calls()[emulator.OperationCreateThread] }).Should(Equal(1))
	w.emulator.UpdateThread(first, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/raced", chatv1alpha1.StampUID: string(thread.UID)}
	})
	w.get(thread)
	stored := thread.DeepCopy()
	stored.Status.ThreadID = first
	w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), thread, stored)).To(Succeed())
	close(release)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(first))
	w.Eventually(func() int { return len(w.threads()) }).Should(Equal(1))
	w.Expect(w.emulator.Threads()).To(HaveLen(2))
}

// answerWith answers the next create with an existing thread.
func answerWith(w *world, id string, change func(map[string]any)) {
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		var answer map[string]map[string]any
		if err := json.Unmarshal(body, &answer); err != nil {
			return status, body
		}
		made, _ := answer["chatThread"]["id"].(string)
		w.emulator.DeleteThread(made)
		answer["chatThread"]["id"] = id
		change(answer["chatThread"])
		out, err := json.Marshal(answer)
		if err != nil {
			return status, body
		}
		return status, out
	}})
}

// A create that is answered with the thread of another resource is sent again.
func TestCreateAnsweredWithAnothersThread(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(map[string]any){
		"its own data": func(thread map[string]any) {
			thread["metadata"] = map[string]any{chatv1alpha1.StampOwner: "x/a", chatv1alpha1.StampUID: "another"}
		},
		"the data of this one": func(map[string]any) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready(allow)
			users := w.users(2)
			a := w.readyThread("a", users[0])
			answerWith(w, a.Status.ThreadID, change)
			b := w.readyThread("b", users[1])
			w.Expect(b.Status.ThreadID).NotTo(Equal(a.Status.ThreadID))
			w.Expect(w.memberIDs(b)).To(Equal(users[1:]))
			w.request(a)
			w.awaitReason(a, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.memberIDs(a)).To(Equal(users[:1]))
			w.Expect(w.threads()).To(HaveLen(2))
		})
	}
}

// A create that is answered with a thread from long before is sent again.
func TestCreateAnsweredWithAnOldThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	old := w.emulator.CreateThread(w.emulator.CreateUser(), "old")
	answerWith(w, old, func(thread map[string]any) { thread["createdOn"] = "2020-01-01T00:00:00Z" })
	thread := w.readyThread("room")
	w.Expect(thread.Status.ThreadID).NotTo(Equal(old))
	w.Expect(thread.Status.Incarnation).To(Equal(int64(1)))
}
