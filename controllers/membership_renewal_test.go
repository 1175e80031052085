// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// After every failure in a renewal, the members come back with their history.
func TestRenewalKeepsHistory(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"add fails":      {Operation: emulator.OperationAddParticipants, Times: 2, Status: http.StatusServiceUnavailable},
		"add is lost":    {Operation: emulator.OperationAddParticipants, Times: 2, DropAfter: true},
		"add is limited": {Operation: emulator.OperationAddParticipants, Times: 1, Status: http.StatusTooManyRequests},
		"a removal is limited": {Operation: emulator.OperationRemoveParticipant, Skip: 2, Times: 1, Status: http.StatusTooManyRequests,
			Header: http.Header{"Retry-After": {"2"}}},
		"a removal is lost": {Operation: emulator.OperationRemoveParticipant, Skip: 1, Times: 2, DropAfter: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			users := w.users(5)
			thread := newcomers(w, "room", users...)
			w.emulator.Inject(fault)
			rename(w, thread, "renamed")
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			expectNames(w, thread, "renamed", users...)
			w.Expect(thread.Status.Renewing).To(BeEmpty())
		})
	}
}

// A removed member is added again before the Retry-After has passed.
func TestRenewalDoesNotWaitWithPeopleOutside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(5)
	thread := newcomers(w, "room", users...)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationRemoveParticipant, Skip: 2, Times: 1, Status: http.StatusTooManyRequests,
		Header: http.Header{"Retry-After": {"300"}}})
	rename(w, thread, "renamed")
	w.awaitReason(thread, chatv1alpha1.ReasonThrottled)
	expectNames(w, thread, "renamed", users[:2]...)
	w.Expect(w.memberIDs(thread)).To(HaveLen(len(users)))
}

// If the operator dies between removal and addition, the next one restores the member and its
// history from the status.
func TestRenewalSurvivesTheOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	stop := w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	users := w.users(2)
	thread := newcomers(w, "room", users...)
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusServiceUnavailable})
	rename(w, thread, "renamed")
	w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(w.memberIDs(thread)).To(BeEmpty())
	stop()
	remove()
	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	expectNames(w, thread, "renamed", users...)
}

// If ACS refuses the new declaration of a member, the member comes back as before, and the status
// shows the refusal.
func TestRefusedRenewalPutsTheMemberBack(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"as a whole": {Operation: emulator.OperationAddParticipants, Times: 1, Status: http.StatusBadRequest,
			Body: `{"error":{"code":"BadRequest","message":"display name is not acceptable"}}`},
		"alone": {Operation: emulator.OperationAddParticipants, Times: 1, Status: http.StatusCreated,
			Body: `{"invalidParticipants":[{"code":"403","message":"display name is not acceptable"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			user := w.users(1)[0]
			thread := newcomers(w, "room", user)
			w.emulator.Inject(fault)
			rename(w, thread, "bad")
			w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
			expectNames(w, thread, "name", user)
			w.Expect(w.message(thread)).To(And(ContainSubstring("display name is not acceptable"), ContainSubstring("still in the thread as declared before")))
			w.Expect(thread.Status.Joined).To(Equal("1/1"))
			// The same declaration does not remove the member again.
			before := w.calls()[emulator.OperationRemoveParticipant]
			w.request(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
			w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(Equal(before))
			// Another declaration is tried.
			rename(w, thread, "good")
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			expectNames(w, thread, "good", user)
		})
	}
}

// A member that ACS refuses in both forms is out and reported, and later comes back with the same
// history.
func TestRefusedForGoodIsOutAndKeepsItsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := newcomers(w, "room", user)
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusBadRequest,
		Body: `{"error":{"code":"BadRequest","message":"not acceptable"}}`})
	rename(w, thread, "bad")
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(thread.Status.Joined).To(Equal("0/1"))
	w.Expect(w.message(thread)).NotTo(ContainSubstring("still in the thread"))
	w.Expect(thread.Status.Renewing).To(HaveLen(1))
	remove()
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	expectNames(w, thread, "bad", user)
}

// While ACS takes somebody back in no form, nobody else is taken out: the others show whom they
// wait for, and are renamed once nobody declares that one any more.
func TestNobodyElseIsTakenOutWhileSomebodyIsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	// With this quota two members are taken out at a time.
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.Quotas = &chatv1alpha1.Quotas{ChangeMembers: &chatv1alpha1.Quota{Per10s: 3}}
	})
	users := w.users(3)
	thread := newcomers(w, "room", users[0], users[1])
	guest := w.newParticipant("guest", "room", users[2])
	guest.Spec.DisplayName = "guest"
	w.create(guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	w.emulator.AddMember(thread.Status.ThreadID, emulator.Member{ID: foreign, DisplayName: "before"})
	edit(w, guest, func(o *chatv1alpha1.ChatParticipant) { o.Spec.DisplayName = "renamed" })
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants = append([]chatv1alpha1.Member{{UserID: foreign, DisplayName: "after"}}, o.Spec.Participants...)
		for i := range o.Spec.Participants {
			o.Spec.Participants[i].DisplayName = "renamed"
		}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.awaitReason(guest, chatv1alpha1.ReasonRejected)
	w.Expect(w.message(guest)).To(And(ContainSubstring("stays as declared before until "+foreign+" is back"), ContainSubstring("correct or remove that user in spec.participants, or its ChatParticipant")))
	w.Expect(thread.Status.Renewing).To(HaveLen(1))
	w.Expect(w.memberIDs(thread)).To(ConsistOf(users))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { o.Spec.Quotas = nil })
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[1:] })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Renewing).To(BeEmpty())
	for _, m := range w.remote(thread).Members {
		if m.ID != w.remote(thread).CreatedBy {
			w.Expect(m.DisplayName).To(Equal("renamed"))
		}
	}
}

// Undeclared members are removed before others are renamed.
func TestRemovalsComeBeforeRenewals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(4)
	thread := newcomers(w, "room", users...)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants = o.Spec.Participants[:3]
		for i := range o.Spec.Participants {
			o.Spec.Participants[i].DisplayName = "renamed"
		}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	for _, request := range w.emulator.Requests() {
		if request.Operation == emulator.OperationRemoveParticipant {
			w.Expect(string(request.Body)).To(ContainSubstring(users[3]))
			return
		}
	}
	t.Error("nobody was removed")
}
