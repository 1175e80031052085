// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Each refused member is reported, and the others join.
func TestRejectedParticipants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(2)
	thread := w.newThread("rejected", users[0], foreign, users[1])
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(thread.Status.Joined).To(Equal("2/3"))
	w.Expect(thread.Status.Rejected).To(HaveLen(1))
	w.Expect(thread.Status.Rejected[0]).To(Equal(chatv1alpha1.RejectedParticipant{UserID: foreign, Code: "403", Message: "Permissions check failed"}))
	w.Expect(w.message(thread)).To(And(ContainSubstring(foreign), ContainSubstring("spec.participants")))
	w.Expect(w.memberIDs(thread)).To(Equal(sorted(users...)))

	// Each resync tries once again.
	w.emulator.ResetRequests()
	w.request(thread)
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(1))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[:1] })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Rejected).To(BeEmpty())
	w.Expect(w.memberIDs(thread)).To(Equal(users[:1]))
}

// In a full thread from which nobody may be removed yet, additions wait for places, and nobody
// counts as refused.
func TestFullThreadWaitsForRemovals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	users := w.users(chatv1alpha1.MaxMembers)
	// With the service user and its creator the thread is full. Both the creator and the first member
	// are to be removed, 2 seconds after the adoption.
	id := foreignThread(w, conn, users[:chatv1alpha1.MaxMembers-2]...)
	thread := adopting(w, "room", id, users[1:]...)
	thread.Spec.MembershipPolicy = chatv1alpha1.MembershipExclusive
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonUpdating)
	w.Expect(w.message(thread)).To(ContainSubstring("The thread was found with members that nothing declares"))
	w.Expect(thread.Status.Rejected).To(BeEmpty())
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(BeZero())
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(ContainElements(users[1:]))
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(1))
}

// A malformed id that fails a whole call is found, even if the answer does not name it, and the
// other members join.
func TestMalformedIDs(t *testing.T) {
	t.Parallel()
	unnamed := func(status int, _ http.Header, body []byte) (int, []byte) {
		if status == http.StatusBadRequest {
			body = []byte(`{"CommunicationError":{"Code":"BadRequest","Details":[]}}`)
		}
		return status, body
	}
	for name, anonymous := range map[string]bool{"named": false, "not named": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			users := w.users(6)
			if anonymous {
				w.emulator.Inject(emulator.Fault{Transform: unnamed})
			}
			thread := w.newThread("malformed", append([]string{malformedA, malformedB}, users[:5]...)...)
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
			w.Expect(w.memberIDs(thread)).To(Equal(sorted(users[:5]...)))
			w.Expect(thread.Status.Rejected).To(HaveLen(2))
			w.Expect(thread.Status.Rejected[0].Code).To(Equal("400"))
			w.Expect(w.threads()).To(HaveLen(1))

			// They do not delay a later member.
			w.emulator.ResetRequests()
			edit(w, thread, func(o *chatv1alpha1.ChatThread) {
				o.Spec.Participants = append(o.Spec.Participants, chatv1alpha1.Member{UserID: chatv1alpha1.UserID(users[5])})
			})
			w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
			w.Expect(w.memberIDs(thread)).To(Equal(sorted(users...)))
			w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(2))
		})
	}
}

// A message quotes the words of ACS, also if they are empty, long or a reason of the operator.
func TestRefusalsQuoteTheWordsOfACS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ code, message, want string }{
		"none":             {"", "", "ACS refused the user ()."},
		"a reason of ours": {chatv1alpha1.ReasonRejected, "", "ACS refused the user (Rejected)."},
		"another":          {chatv1alpha1.ReasonTooManyParticipants, "no room.", "ACS refused the user (TooManyParticipants no room)."},
		"long":             {"403", strings.Repeat("no ", 1000), "ACS refused the user (403 " + outcome.Sanitize(strings.Repeat("no ", 1000), outcome.MaxMessage) + ")."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			users := w.users(2)
			w.readyThread("room", users[0])
			answer := func(user string) string {
				body, err := json.Marshal(map[string]any{"invalidParticipants": []any{map[string]string{"code": c.code, "message": c.message, "target": user}}})
				w.Expect(err).NotTo(HaveOccurred())
				return string(body)
			}
			w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusCreated, Body: answer(users[1]), Times: 1})
			refused := w.newParticipant("refused", "room", users[1])
			w.create(refused)
			w.awaitReason(refused, chatv1alpha1.ReasonRejected)
			w.Expect(apimeta.FindStatusCondition(refused.Status.Conditions, chatv1alpha1.ConditionReady).Message).To(Equal(c.want))

			inline := w.newThread("inline", users[1])
			w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
				return status, append(append(bytes.TrimSuffix(bytes.TrimSpace(body), []byte("}")), ','), []byte(answer(users[1]))[1:]...)
			}})
			w.create(inline)
			w.awaitReason(inline, chatv1alpha1.ReasonParticipantRejected)
			w.Expect(inline.Status.Rejected).To(Equal([]chatv1alpha1.RejectedParticipant{{UserID: users[1], Code: c.code, Message: outcome.Sanitize(c.message, outcome.MaxMessage)}}))
		})
	}
}

// If a refusal names no member, the member list decides.
func TestRefusalWithoutTarget(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]string{
		"no target":      `{"code":"403","message":"Permissions check failed"}`,
		"another target": `{"target":"00000000-0000-4000-8000-00000000000b","code":"403","message":"Permissions check failed"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready(allow)
			users := w.users(2)
			thread := w.readyThread("room", users[0])
			w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusCreated,
				Body: `{"invalidParticipants":[` + refusal + `]}`})
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", users...).Spec.Participants })
			w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
			w.Expect(thread.Status.Joined).To(Equal("1/2"))
			w.Expect(thread.Status.Rejected).To(ConsistOf(HaveField("UserID", users[1])))
			w.Expect(w.eventReasons(thread)).NotTo(ContainElement(chatv1alpha1.EventMembersAdded))
		})
	}
	t.Run("on create", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, emulator.Options{})
		w.ready(allow)
		users := w.users(2)
		w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
			id := w.emulator.Threads()[0].ID
			w.emulator.RemoveMember(id, users[1])
			return status, bytes.Replace(body, []byte(`{"chatThread"`), []byte(`{"invalidParticipants":[{"code":"403","message":"Permissions check failed"}],"chatThread"`), 1)
		}})
		thread := w.newThread("room", users...)
		w.create(thread)
		w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
		w.Expect(thread.Status.Joined).To(Equal("1/2"))
		w.Expect(thread.Status.Rejected).To(ConsistOf(HaveField("UserID", users[1])))
	})
}

// A member that ACS accepts and does not list does not count as joined for ever.
func TestAddedAndNotListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	user := w.users(1)[0]
	thread := w.readyThread("room")
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusCreated, Body: `{}`})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", user).Spec.Participants })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.request(thread)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(w.message(thread)).To(ContainSubstring("does not list it as a member"))
	w.Expect(thread.Status.Joined).To(Equal("0/1"))
}

// ACS may name a refused member by its index in the call, with the cause in the details.
func TestMalformedMemberByPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	users := w.users(10)
	thread := w.readyThread("room")
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Times: 1, Status: http.StatusBadRequest,
		Body: `{"error":{"code":"BadRequest","message":"One or more validation errors occurred.","details":[{"code":"InvalidValue",` +
			`"message":"The identifier is not valid for this resource","target":"participants[3].communicationIdentifier.rawId"}]}}`})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", users...).Spec.Participants })
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(thread.Status.Joined).To(Equal("9/10"))
	w.Expect(thread.Status.Rejected).To(ConsistOf(And(HaveField("UserID", users[3]), HaveField("Message", "The identifier is not valid for this resource"))))
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(2))
}
