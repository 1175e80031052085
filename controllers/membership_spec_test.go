// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// foreign is a well-formed user of another ACS resource, which ACS refuses alone.
const foreign = "8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999"

// The schema accepts these ids, but each fails a whole call.
const (
	malformedA = "8:acs:fakeid"
	malformedB = "8:acs:fakeid=="
)

// Members follow an edit of the spec, and drift is corrected.
func TestMembersFollowTheSpec(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(4)
	thread := w.readyThread("members", users[0], users[1])

	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants = append(o.Spec.Participants[1:], chatv1alpha1.Member{UserID: chatv1alpha1.UserID(users[2])})
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal(sorted(users[1], users[2])))
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElements(chatv1alpha1.EventMembersAdded, chatv1alpha1.EventMembersRemoved))

	w.emulator.RemoveMember(thread.Status.ThreadID, users[1])
	w.emulator.AddMember(thread.Status.ThreadID, emulator.Member{ID: users[3]})
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) {
		th.Topic = "drifted"
		th.Metadata = map[string]string{"foreign": "key"}
	})
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal(sorted(users[1], users[2])))
	remote := w.remote(thread)
	w.Expect(remote.Topic).To(Equal(thread.Spec.Topic))
	w.Expect(remote.Metadata).To(Equal(map[string]string{
		"foreign": "", chatv1alpha1.StampOwner: w.namespace + "/members", chatv1alpha1.StampUID: string(thread.UID)}))
}

// An id in upper case is the same user.
func TestSameUserTwiceInline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	upper := "8:acs:" + strings.ToUpper(strings.TrimPrefix(user, "8:acs:"))
	thread := w.newThread("twice", user, upper)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(thread.Status.Rejected).To(HaveLen(1))
	w.Expect(thread.Status.Rejected[0].Code).To(Equal(chatv1alpha1.ReasonDuplicate))
	w.Expect(w.memberIDs(thread)).To(Equal([]string{user}))
}

// With membershipPolicy Additive, only members that the operator added are ever removed.
func TestAdditive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(3)
	thread := w.newThread("additive", users[0], users[1])
	thread.Spec.MembershipPolicy = chatv1alpha1.MembershipAdditive
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.AddMember(thread.Status.ThreadID, emulator.Member{ID: users[2]})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[:1] })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal(sorted(users[0], users[2])))
}

// A thread has at most 250 members, and the last one to come reports that it is full.
func TestTooManyParticipants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(251)
	thread := w.readyThread("full", users[:249]...)
	surplus := w.newParticipant("surplus", "full", users[249])
	w.create(surplus)
	w.awaitReason(surplus, chatv1alpha1.ReasonTooManyParticipants)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Joined).To(Equal("249/250"))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[1:] })
	w.awaitReason(surplus, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(HaveLen(249))
	// One member leaves a full thread and another one joins.
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants[0] = chatv1alpha1.Member{UserID: chatv1alpha1.UserID(users[250])}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(ContainElement(users[250]))
}

// Each object reports the state of its own declaration.
func TestChatParticipantStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(2)
	orphan := w.newParticipant("orphan", "later", users[1])
	w.create(orphan)
	w.awaitReason(orphan, chatv1alpha1.ReasonThreadNotFound)
	w.Expect(orphan.Status.ThreadID).To(BeEmpty())
	thread := w.newThread("later", users[0])
	w.create(thread)
	w.awaitReason(orphan, chatv1alpha1.ReasonSucceeded)
	refused := w.newParticipant("refused", "later", foreign)
	duplicate := w.newParticipant("duplicate", "later", users[0])
	w.create(refused, duplicate)
	w.awaitReason(refused, chatv1alpha1.ReasonRejected)
	w.awaitReason(duplicate, chatv1alpha1.ReasonDuplicate)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal(sorted(users...)))

	// If a duplicate is deleted, the user stays.
	w.delete(duplicate)
	w.awaitGone(duplicate)
	w.Expect(w.memberIDs(thread)).To(Equal(sorted(users...)))

	w.delete(thread)
	w.awaitGone(thread)
	w.awaitReason(orphan, chatv1alpha1.ReasonThreadNotFound)
	w.Expect(orphan.Status.ThreadID).To(BeEmpty())
	w.delete(orphan)
	w.awaitGone(orphan)
}
