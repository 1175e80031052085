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
)

// A bad answer affects no other thread, and its own thread only until it is corrected.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  emulator.Fault
		reason string
	}{
		"create 403":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusForbidden}, chatv1alpha1.ReasonAuthenticationFailed},
		"create 400":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusBadRequest}, chatv1alpha1.ReasonInvalidRequest},
		"create 413":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusRequestEntityTooLarge}, chatv1alpha1.ReasonInvalidRequest},
		"create 429":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}}, chatv1alpha1.ReasonThrottled},
		"create 503":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusServiceUnavailable}, chatv1alpha1.ReasonServiceUnavailable},
		"create without answer": {emulator.Fault{Operation: emulator.OperationCreateThread, DropBefore: true}, chatv1alpha1.ReasonServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			other := w.readyThread("other")
			remove := w.emulator.Inject(c.fault)
			thread := w.newThread("refused", w.users(1)...)
			w.create(thread)
			w.awaitReason(thread, c.reason)
			remove()
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "corrected" })
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.threads()).To(HaveLen(2))
			w.awaitReason(other, chatv1alpha1.ReasonSucceeded)
		})
	}
}

// While ACS does not answer, all threads report it, and all recover afterwards.
func TestUnreachableService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.options.ACSTimeout = 300e6
	w.ready()
	threads := make([]*chatv1alpha1.ChatThread, 5)
	for i := range threads {
		threads[i] = w.newThread("slow-" + string(rune('a'+i)))
		w.create(threads[i])
		w.awaitReason(threads[i], chatv1alpha1.ReasonSucceeded)
	}
	release := make(chan struct{})
	remove := w.emulator.Inject(emulator.Fault{Block: release})
	for _, thread := range threads {
		edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "later" })
	}
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	}
	remove()
	close(release)
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		w.Expect(w.remote(thread).Topic).To(Equal("later"))
	}
}

// gateway is an answer that does not come from ACS.
func gateway(operation emulator.Operation, status int) emulator.Fault {
	return emulator.Fault{Operation: operation, Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>not here</html>"}
}

// An answer of a gateway marks no thread as gone, lost or refused.
func TestGatewayDoesNotSpeakForACS(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden, http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusBadRequest} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready(allow)
			thread, guest := w.newThread("room", w.users(1)...), w.newParticipant("guest", "room", w.users(1)[0])
			w.create(thread, guest)
			w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
			id := w.remote(thread).ID
			remove := w.emulator.Inject(gateway(emulator.OperationGetThread, status))
			for range 3 {
				w.request(thread)
			}
			w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
			w.Expect(w.message(thread)).To(ContainSubstring("Something between the operator and ACS answered %d text/html", status))
			w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
			remove()
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(thread.Status.ThreadID).To(Equal(id))
			w.Expect(w.threads()).To(HaveLen(1))
		})
	}
}

// A deletion does not accept the 404 of a gateway, and waits for ACS.
func TestGatewayEndsNoDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.readyThread("room", w.users(1)...)
	var removes []func()
	for _, operation := range []emulator.Operation{emulator.OperationGetThread, emulator.OperationDeleteThread, emulator.OperationListParticipants} {
		removes = append(removes, w.emulator.Inject(gateway(operation, http.StatusNotFound)))
	}
	w.delete(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(w.message(thread)).To(ContainSubstring(chatv1alpha1.AnnotationAbandon))
	w.Expect(w.threads()).To(HaveLen(1))
	for _, remove := range removes {
		remove()
	}
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}

// The operator acts on a refusal only after a second one. Until then ChatParticipants keep their
// state.
func TestOneRefusalIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.timing.goneConfirm = 2 * time.Second
	w.ready(allow)
	thread, guest := w.newThread("room"), w.newParticipant("guest", "room", w.users(1)[0])
	w.create(thread, guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	once := func(operation emulator.Operation) {
		w.emulator.Inject(emulator.Fault{Operation: operation, Times: 1, Status: http.StatusForbidden})
	}
	once(emulator.OperationGetThread)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSearching)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.eventReasons(guest)).NotTo(ContainElement(chatv1alpha1.ReasonThreadNotReady))

	once(emulator.OperationUpdateThread)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "another" })
	w.awaitReason(thread, chatv1alpha1.ReasonUpdating)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)

	once(emulator.OperationCreateThread)
	second := w.newThread("second")
	w.create(second)
	w.awaitReason(second, chatv1alpha1.ReasonCreating)
	w.awaitReason(second, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(2))

	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: thread.Status.ThreadID, Status: http.StatusForbidden})
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.awaitReason(guest, chatv1alpha1.ReasonThreadNotReady)
	remove()
	w.request(thread)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
}

// A thread that may be read and not changed reports exactly that.
func TestMayReadNotChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	users := w.users(2)
	id := foreignThread(w, conn, users[0])
	for _, operation := range []emulator.Operation{emulator.OperationUpdateThread, emulator.OperationAddParticipants, emulator.OperationRemoveParticipant} {
		w.emulator.Inject(emulator.Fault{Operation: operation, ThreadID: id, Status: http.StatusForbidden,
			Body: `{"error":{"code":"Forbidden","message":"Permissions check failed"}}`})
	}
	thread := adopting(w, "meeting", id, users[1])
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(thread)).To(And(ContainSubstring("may read thread %s, but not change it", id), ContainSubstring("Permissions check failed"), ContainSubstring("Observe")))

	own := w.readyThread("own", users[0])
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, ThreadID: own.Status.ThreadID, Status: http.StatusForbidden})
	edit(w, own, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", users...).Spec.Participants })
	w.awaitReason(own, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(own)).To(ContainSubstring("but not change it. ACS refused to add members (403"))
}

// An invalid answer leads to a retry, and no message repeats its content.
func TestJunkAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"html": "<html>secret-of-the-proxy</html>", "empty": "", "wrong type": `{"id":7}`, "null": "null"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			thread := w.readyThread("junk")
			remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Status: http.StatusOK, Body: body})
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "later" })
			w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
			w.Expect(w.message(thread)).NotTo(ContainSubstring("secret-of-the-proxy"))
			remove()
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		})
	}
}
