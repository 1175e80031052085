// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// One ChatThread has one thread, whatever becomes of the answer to its create.
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
			thread := w.newThread("once", user)
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// The refusal of a retry says nothing of the try before it.
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

// A thread whose id cannot be stored would be made again: such an answer is none, and the thread is found.
func TestIDTooLongToStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Nanosecond})
	w.ready()
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		return status, bytes.Replace(body, []byte(`"id":"19:`), []byte(`"id":"19:`+strings.Repeat("x", objects.MaxThreadID)), 1)
	}})
	thread := w.newThread("long")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.emulator.Threads()).To(HaveLen(1))
	w.Expect(thread.Status.ThreadID).To(Equal(w.emulator.Threads()[0].ID))
	w.Expect(thread.Status.Incarnation).To(BeZero())
}

// An operator that is stopped while its create is under way leaves no second thread behind.
func TestRestartDuringCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Nanosecond})
	conn := w.connect()
	w.timing.listAfter = time.Minute // it finds nothing before it is stopped
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

// A cluster that is rebuilt from Git finds its threads: the stamp names the owner, and the new uid is
// put in.
func TestRebuildFindsThreads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	users := w.users(3)
	pinned := w.emulator.CreateUser()
	conn := w.connect(withPinned(pinned))
	stop := w.start()
	thread := w.newThread("rebuilt", users...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	before := w.remote(thread)
	stop()

	w.lose([]client.Object{thread, conn})
	again := newConnection(w.namespace, "default")
	withPinned(pinned)(again)
	thread = w.newThread("rebuilt", users...)
	w.emulator.ResetRequests()
	w.create(again, thread)
	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(before.ID))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.Expect(w.remote(thread).Metadata[chatv1alpha1.StampUID]).To(Equal(string(thread.UID)))
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(Equal([]string{chatv1alpha1.EventFound}))
}

// The stamp of somebody who is no service user is a forgery.
func TestForgedStampIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	forger := w.emulator.CreateUser()
	forged := w.emulator.CreateThread(forger, "mine", emulator.Member{ID: pinned})
	w.emulator.UpdateThread(forged, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/forged", chatv1alpha1.StampUID: "1"}
	})
	w.ready(withPinned(pinned))
	thread := w.newThread("forged")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).NotTo(Equal(forged))
}

// Of several threads with the stamp the oldest is taken; the others are told of and left alone.
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
	thread := w.newThread("several")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(oldest))
	left, _ := w.emulator.Thread(younger)
	w.Expect(left.DeletedOn).To(BeNil())
	w.Expect(left.Topic).To(Equal("second"))
	w.Eventually(func() []string { return w.eventNotes(thread) }).Should(ContainElement(And(ContainSubstring("not touched"), ContainSubstring(younger))))
}

// A thread that was deleted behind our back is created anew, under another request id.
func TestRecreation(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]emulator.DeletedThreads{"404": emulator.DeletedNotFound, "deletedOn": emulator.DeletedMarked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{DeletedThreads: deleted})
			w.ready()
			thread := w.newThread("anew", w.users(2)...)
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// Where it may not be created anew, the status says so, and nothing is made.
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

// A service that calls every thread unknown must not double every room.
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
	// A request is not used up by a pass that does not get so far.
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: last.Status.ThreadID, Status: http.StatusServiceUnavailable, Times: 2})
	w.request(last)
	w.awaitReason(last, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(connection.MaxRecreations + 1))
}

// An old thread in answer to a new request is no success.
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
	thread := w.newThread("old-answer")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Incarnation).To(Equal(int64(1)))
	w.Expect(w.threads()).To(HaveLen(1))
}

// A namesake that replaced the resource meanwhile is not given the thread of the former.
func TestStatusPatchNamesTheUID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	thread := w.newThread("namesake")
	w.create(thread)
	changed := thread.DeepCopy()
	changed.UID = types.UID("00000000-0000-4000-8000-000000000000")
	changed.Status.ThreadID = "19:x@thread.v2"
	w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), thread, changed)).NotTo(Succeed())
	w.get(thread)
	w.Expect(thread.Status.ThreadID).To(BeEmpty())
	stale := thread.DeepCopy()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "edited" })
	changed = stale.DeepCopy()
	changed.Status.ThreadID = "19:x@thread.v2"
	changed.Status.CreatedOn = &metav1.Time{Time: time.Unix(1700000000, 0)}
	w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), stale, changed)).To(Succeed(), "an edit of the spec must not lose the id")
}
