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

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// gateway answers in place of ACS.
func gateway(operation emulator.Operation, status int) emulator.Fault {
	return emulator.Fault{Operation: operation, Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>not here</html>"}
}

// allow lets a connection have as many calls as a test makes.
func allow(conn *chatv1alpha1.ChatConnection) {
	many := &chatv1alpha1.Quota{Per10s: 10000}
	conn.Spec.Quotas = &chatv1alpha1.Quotas{CreateThread: many, DeleteThread: many, UpdateThread: many, ChangeMembers: many, ReadThread: many, ListMembers: many}
}

// What a gateway says makes no thread gone, lost or refused.
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

// A deletion behind a gateway that knows nothing waits for ACS.
func TestGatewayEndsNoDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.newThread("room", w.users(1)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// One refusal is no fact: it is believed when it comes twice, and ChatParticipants keep what was seen until then.
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

// A thread that ACS does not find, and lists, is alive.
func TestListedThreadIsNotGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// Nor is one that a ChatThread of the same name made before it: no second one is made beside it.
func TestListedThreadIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	id := thread.Status.ThreadID
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Status: http.StatusNotFound})
	lose(w, thread)
	w.awaitGone(thread)
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

// What may be read and not changed is told as that.
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

	own := w.newThread("own", users[0])
	w.create(own)
	w.awaitReason(own, chatv1alpha1.ReasonSucceeded)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, ThreadID: own.Status.ThreadID, Status: http.StatusForbidden})
	edit(w, own, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", users...).Spec.Participants })
	w.awaitReason(own, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(own)).To(ContainSubstring("but not change it. ACS refused to add members (403"))
}

// answerWith has the next create answered with a thread that is there already.
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

// A create that is answered with a thread that another resource has, or that is too old, is asked again.
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
			a := w.newThread("a", users[0])
			w.create(a)
			w.awaitReason(a, chatv1alpha1.ReasonSucceeded)
			answerWith(w, a.Status.ThreadID, change)
			b := w.newThread("b", users[1])
			w.create(b)
			w.awaitReason(b, chatv1alpha1.ReasonSucceeded)
			w.Expect(b.Status.ThreadID).NotTo(Equal(a.Status.ThreadID))
			w.Expect(w.memberIDs(b)).To(Equal(users[1:]))
			w.request(a)
			w.awaitReason(a, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.memberIDs(a)).To(Equal(users[:1]))
			w.Expect(w.threads()).To(HaveLen(2))
		})
	}
}

// A thread that was made long before it was asked for is not the one that was asked for.
func TestCreateAnsweredWithAnOldThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	old := w.emulator.CreateThread(w.emulator.CreateUser(), "old")
	answerWith(w, old, func(thread map[string]any) { thread["createdOn"] = "2020-01-01T00:00:00Z" })
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).NotTo(Equal(old))
	w.Expect(thread.Status.Incarnation).To(Equal(int64(1)))
}

// Who a refusal without a name is about, the list of members says.
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
			thread := w.newThread("room", users[0])
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// A member of whom ACS says that it was added, and who is in no list, does not count as joined for ever.
func TestAddedAndNotListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	user := w.users(1)[0]
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusCreated, Body: `{}`})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", user).Spec.Participants })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.request(thread)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(w.message(thread)).To(ContainSubstring("does not list it as a member"))
	w.Expect(thread.Status.Joined).To(Equal("0/1"))
}

// Of a change that ACS refuses in part the rest is made.
func TestPropertiesDoNotBlockOneAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationUpdateThread, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		if requests := w.emulator.Requests(); strings.Contains(string(requests[len(requests)-1].Body), "retentionPolicy") {
			return http.StatusBadRequest, []byte(`{"error":{"code":"BadRequest","message":"no such policy"}}`)
		}
		return status, body
	}})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Topic, o.Spec.Metadata = "another", map[string]chatv1alpha1.MetadataValue{"team": "blue"}
		o.Spec.Retention = &chatv1alpha1.Retention{DeleteAfterDays: 30}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonInvalidRequest)
	w.Expect(w.message(thread)).To(ContainSubstring("ACS refused to set retention (400: BadRequest no such policy"))
	remote := w.remote(thread)
	w.Expect(remote.Topic).To(Equal("another"))
	w.Expect(remote.Metadata).To(HaveKeyWithValue("team", "blue"))
}

// Metadata for which ACS has no room any more is counted before it is sent, and holds up no topic.
func TestMetadataThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
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

// Which member is at fault, ACS may say by its place in the call, and why in the details.
func TestMalformedMemberByPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	users := w.users(10)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Times: 1, Status: http.StatusBadRequest,
		Body: `{"error":{"code":"BadRequest","message":"One or more validation errors occurred.","details":[{"code":"InvalidValue",` +
			`"message":"The identifier is not valid for this resource","target":"participants[3].communicationIdentifier.rawId"}]}}`})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = w.newThread("", users...).Spec.Participants })
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(thread.Status.Joined).To(Equal("9/10"))
	w.Expect(thread.Status.Rejected).To(ConsistOf(And(HaveField("UserID", users[3]), HaveField("Message", "The identifier is not valid for this resource"))))
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(2))
}
