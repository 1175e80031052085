// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// A create costs one write at ACS, two writes to the API server and one event. Members that do not
// fit into it cost one more write at each side, and events that report them.
func TestCreateBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members, acsWrites, writes int
		events                     []string
	}{
		"no member":   {0, 1, 2, []string{chatv1alpha1.EventCreated}},
		"200 members": {200, 1, 2, []string{chatv1alpha1.EventCreated}},
		"249 members": {249, 2, 3, []string{chatv1alpha1.EventCreated, chatv1alpha1.ReasonCreating, chatv1alpha1.EventMembersAdded}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			users := w.users(c.members)
			w.emulator.ResetRequests()
			thread := w.readyThread("budget", users...)
			w.Expect(w.writes()).To(Equal(c.acsWrites))
			w.Expect(w.calls()[emulator.OperationCreateThread]).To(Equal(1))
			w.Expect(w.memberIDs(thread)).To(HaveLen(c.members))
			w.Expect(w.writesSoFar(thread)).To(Equal(c.writes))
			w.Eventually(func() []string { return w.eventReasons(thread) }).Should(Equal(c.events))
		})
	}
}

// A thread in sync costs no write and two reads at each resync.
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
	// The two writes are the request and its answer.
	w.Expect(w.writesSoFar(thread) - writes).To(Equal(2))
}

// A ChatParticipant joins with two writes and one event, and leaves the thread when it is deleted.
func TestChatParticipantBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("room")
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

// Members that are declared together are added with few calls.
func TestManyChatParticipantsFewCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("crowd")
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

// The operator counts the threads of a connection in its cache, and lists them at the API server in
// pages only if the cache shows none.
func TestConnectionIsCountedInTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	var mu sync.Mutex
	var limits []string
	w.startAs(throughAPI(func(next http.RoundTripper) roundTrip {
		return func(req *http.Request) (*http.Response, error) {
			// The cache lists too, but with a resource version.
			query := req.URL.Query()
			if strings.HasSuffix(req.URL.Path, "/chatthreads") && query.Get("watch") == "" && query.Get("resourceVersion") == "" {
				mu.Lock()
				limits = append(limits, query.Get("limit"))
				mu.Unlock()
			}
			return next.RoundTrip(req)
		}
	}), w.options)
	lists := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return limits
	}
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.readyThread("room")
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	for _, value := range []string{"1", "2", "3"} {
		askConnection(w, conn, value)
	}
	w.Expect(lists()).To(BeEmpty())
	w.delete(thread)
	w.awaitGone(thread)
	w.awaitGone(conn)
	w.Expect(lists()).To(HaveEach("500"))
	w.Expect(lists()).NotTo(BeEmpty())
}
