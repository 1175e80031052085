// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// If ACS refuses one part of a change, the other parts and the members are changed.
func TestPropertiesDoNotBlockOneAnother(t *testing.T) {
	t.Parallel()
	for _, refusal := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity} {
		t.Run(strconv.Itoa(refusal), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready(allow)
			thread := w.readyThread("room")
			w.emulator.Inject(emulator.Fault{Operation: emulator.OperationUpdateThread, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
				if requests := w.emulator.Requests(); strings.Contains(string(requests[len(requests)-1].Body), "retentionPolicy") {
					return refusal, []byte(`{"error":{"code":"BadRequest","message":"no such policy"}}`)
				}
				return status, body
			}})
			member := w.users(1)[0]
			edit(w, thread, func(o *chatv1alpha1.ChatThread) {
				o.Spec.Topic, o.Spec.Metadata = "another", map[string]chatv1alpha1.MetadataValue{"team": "blue"}
				o.Spec.Retention = &chatv1alpha1.Retention{DeleteAfterDays: 30}
				o.Spec.Participants = []chatv1alpha1.Member{{UserID: chatv1alpha1.UserID(member)}}
			})
			w.awaitReason(thread, chatv1alpha1.ReasonInvalidRequest)
			w.Expect(w.message(thread)).To(ContainSubstring("ACS refused to set retention (%d: BadRequest no such policy", refusal))
			remote := w.remote(thread)
			w.Expect(remote.Topic).To(Equal("another"))
			w.Expect(remote.Metadata).To(HaveKeyWithValue("team", "blue"))
			w.Expect(w.memberIDs(thread)).To(ContainElement(member))
		})
	}
}

// Metadata that does not fit is counted before it is sent, and does not block the topic.
func TestMetadataThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.readyThread("room")
	reason := ""
	for release := 0; release < 20 && reason != chatv1alpha1.ReasonInvalidRequest; release++ {
		key := fmt.Sprintf("release-%02d-%s", release, strings.Repeat("x", 89))
		edit(w, thread, func(o *chatv1alpha1.ChatThread) {
			o.Spec.Topic = fmt.Sprint("release ", release)
			o.Spec.Metadata = map[string]chatv1alpha1.MetadataValue{key: "1"}
		})
		w.Eventually(func() string {
			w.get(thread)
			if thread.Status.ObservedGeneration != thread.Generation {
				return ""
			}
			_, reason = objects.ReadyReason(thread)
			return reason
		}).Should(BeElementOf(chatv1alpha1.ReasonSucceeded, chatv1alpha1.ReasonInvalidRequest))
	}
	w.Expect(w.message(thread)).To(And(ContainSubstring("spec.metadata: with it the thread would have"), ContainSubstring("ACS removes no key")))
	w.Expect(w.remote(thread).Topic).To(Equal(thread.Spec.Topic))
	for _, request := range w.emulator.Requests() {
		w.Expect(request.Status).To(BeNumerically("<", 400), "%s %s", request.Operation, request.Body)
	}
	// Keys that were used before fit.
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Metadata = map[string]chatv1alpha1.MetadataValue{fmt.Sprintf("release-%02d-%s", 0, strings.Repeat("x", 89)): "2"}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
}

// A change is reported even if the read after it fails.
func TestChangeIsReportedThoughReadingBackFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("reported")
	// The first read of the reconcile succeeds. The read after the change and its retry fail.
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Skip: 1, Times: 2, Status: http.StatusServiceUnavailable})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "changed" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remove()
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElement(chatv1alpha1.EventUpdated))
}

// If ACS stores another value than the declared one, the operator does not send it again and again.
func TestRewritingServiceDoesNotLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.readyThread("rewritten", user)
	id := thread.Status.ThreadID
	rewrite := func(th *emulator.Thread) {
		th.Topic = "rewritten by the service"
		for i := range th.Members {
			if th.Members[i].ID == user {
				th.Members[i].Metadata = map[string]string{chatv1alpha1.StampMember: "other"}
			}
		}
	}
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationUpdateThread, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		w.emulator.UpdateThread(id, rewrite)
		return status, body
	}})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		w.emulator.UpdateThread(id, rewrite)
		return status, body
	}})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "declared" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	for range 3 {
		w.request(thread)
	}
	w.emulator.ResetRequests()
	for range 3 {
		w.request(thread)
	}
	w.Expect(w.writes()).To(BeZero())
	w.Expect(w.message(thread)).To(ContainSubstring("topic"))
}
