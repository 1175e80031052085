// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// foreign is a well-formed user of another resource, which ACS refuses one by one.
const foreign = "8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999"

// malformed ids pass the schema and make a whole call fail.
const (
	malformedA = "8:acs:fakeid"
	malformedB = "8:acs:fakeid=="
)

// Members follow an edit of the spec, and drift is repaired.
func TestMembersFollowTheSpec(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(4)
	thread := w.newThread("members", users[0], users[1])
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)

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

// A thread in sync costs no write and two reads.
func TestResyncBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("rest", w.users(5)...)
	thread.Spec.Metadata = map[string]chatv1alpha1.MetadataValue{"team": "blue", "none": ""}
	thread.Spec.Retention = &chatv1alpha1.Retention{DeleteAfterDays: 45}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.create(w.newParticipant("rest-p", "rest", w.users(1)[0]))
	w.Eventually(func() string { w.get(thread); return thread.Status.Joined }).Should(Equal("6/6"))
	w.request(thread)
	w.Eventually(func() int { return len(w.memberIDs(thread)) }).Should(Equal(6))
	writes := w.writesSoFar(thread)
	w.emulator.ResetRequests()
	w.request(thread)
	w.Expect(w.writes()).To(BeZero())
	w.Expect(w.calls()).To(Equal(map[emulator.Operation]int{emulator.OperationGetThread: 1, emulator.OperationListParticipants: 1}))
	// The request itself and its answer; nothing else.
	w.Expect(w.writesSoFar(thread) - writes).To(Equal(2))
}

// Refused members are told of one by one; the others are in.
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

	// Tried again at each resync and no more than once.
	w.emulator.ResetRequests()
	w.request(thread)
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(1))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[:1] })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Rejected).To(BeEmpty())
	w.Expect(w.memberIDs(thread)).To(Equal(users[:1]))
}

// One malformed id fails a whole call: it is found, also where the answer does not name it, and the
// others join.
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

			// A later member is not held up by them.
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

// The same user in another case is the same user.
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

// A changed display name takes the member out and in again, with the history it had.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.newThread("renewal", user)
	thread.Spec.Participants[0].DisplayName = "Ann"
	thread.Spec.Participants[0].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	joined := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	member := func() emulator.Member {
		for _, m := range w.remote(thread).Members {
			if m.ID == user {
				return m
			}
		}
		return emulator.Member{}
	}
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) {
		for i := range th.Members {
			if th.Members[i].ID == user {
				th.Members[i].ShareHistoryTime = joined
			}
		}
	})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants[0].DisplayName = "Anne" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(member().DisplayName).To(Equal("Anne"))
	w.Expect(member().ShareHistoryTime).To(BeTemporally("==", joined))

	since := metav1.NewTime(joined.Add(10 * time.Minute))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants[0].ShareHistory = chatv1alpha1.ShareHistorySinceTime
		o.Spec.Participants[0].ShareHistoryTime = &since
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(member().ShareHistoryTime).To(BeTemporally("==", since.Time))
}

// A service that keeps another value than it was sent is not asked for ever.
func TestRewritingServiceDoesNotLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.newThread("rewritten", user)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// With Additive, only members that the operator added are ever removed.
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

// 250 members is what ACS takes; who comes last is told so.
func TestTooManyParticipants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(251)
	thread := w.newThread("full", users[:249]...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	surplus := w.newParticipant("surplus", "full", users[249])
	w.create(surplus)
	w.awaitReason(surplus, chatv1alpha1.ReasonTooManyParticipants)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Joined).To(Equal("249/250"))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[1:] })
	w.awaitReason(surplus, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(HaveLen(249))
	// One goes and another comes into a thread without room.
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants[0] = chatv1alpha1.Member{UserID: chatv1alpha1.UserID(users[250])}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(ContainElement(users[250]))
}

// ChatParticipants join and leave; each costs two writes and one event.
func TestChatParticipantBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	user := w.users(1)[0]
	participant := w.newParticipant("ann", "room", user)
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.Expect(participant.Status.ThreadID).To(Equal(thread.Status.ThreadID))
	w.Expect(w.memberIDs(thread)).To(Equal([]string{user}))
	w.Expect(w.writesSoFar(participant)).To(Equal(2))
	w.Eventually(func() []string { return w.eventReasons(participant) }).Should(Equal([]string{chatv1alpha1.ReasonSucceeded}))

	w.delete(participant)
	w.awaitGone(participant)
	w.Expect(w.memberIDs(thread)).To(BeEmpty())
}

// Members that are declared together are added together.
func TestManyChatParticipantsFewCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("crowd")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.ResetRequests()
	users := w.users(249)
	done := make(chan error, len(users))
	for i, user := range users {
		go func() { done <- admin.Create(t.Context(), w.newParticipant(fmt.Sprintf("p-%d", i), "crowd", user)) }()
	}
	for range users {
		w.Expect(<-done).To(Succeed())
	}
	w.Eventually(func() string { w.get(thread); return thread.Status.Joined }).Should(Equal("249/249"))
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(BeNumerically("<=", 4))
	w.Eventually(func() int {
		list := &chatv1alpha1.ChatParticipantList{}
		w.Expect(admin.List(t.Context(), list, client.InNamespace(w.namespace))).To(Succeed())
		ready := 0
		for i := range list.Items {
			if _, reason := objects.ReadyReason(&list.Items[i]); reason == chatv1alpha1.ReasonSucceeded {
				ready++
			}
		}
		return ready
	}).Should(Equal(249))
}

// Each object answers for what it declares itself.
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

	// A duplicate that goes takes nobody with it.
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

// What ACS says is told as its own words, whatever they are.
func TestRefusalsAreToldAsACSWordsThem(t *testing.T) {
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
			thread := w.newThread("room", users[0])
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// More members than the quota of a window lets come back are not taken out at once.
func TestRenewalsKeepToTheQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("paced", w.users(12)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.ResetRequests()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		for i := range o.Spec.Participants {
			o.Spec.Participants[i].DisplayName = "named"
		}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonWaitingForQuota)
	w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(Equal(9))
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(1))
	w.Expect(thread.Status.Joined).To(Equal("12/12"))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(Equal(12))
}
