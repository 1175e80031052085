// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// settled returns a ChatThread, with one member inline and one by a ChatParticipant, as a process
// leaves it that has nothing to do.
func settled() situation {
	const user = "8:acs:11111111-1111-1111-1111-111111111111_service"
	thread := operatortest.Thread("default", "room", "8:acs:11111111-1111-1111-1111-111111111111_ann")
	thread.UID, thread.Generation = "thread-1", 3
	thread.Finalizers = []string{chatv1alpha1.Finalizer}
	thread.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: user}
	thread.Status = chatv1alpha1.ChatThreadStatus{
		ThreadID: "19:thread", UID: "thread-1", ServiceUser: user, ObservedGeneration: 3,
		Participants: &chatv1alpha1.ParticipantCounts{Desired: 2, Joined: 2},
	}
	objects.Mark(thread, outcome.Outcome{Ready: true, Reason: chatv1alpha1.ReasonSucceeded})
	guest := chatv1alpha1.ChatParticipant{ObjectMeta: metav1.ObjectMeta{Name: "ben", UID: "participant-1", Generation: 1}}
	guest.Spec.UserID = "8:acs:11111111-1111-1111-1111-111111111111_ben"
	guest.Status.ObservedGeneration = 1
	return situation{
		run:         run{thread: thread, memory: &threadMemory{}},
		declaration: declaration{counted: []chatv1alpha1.ChatParticipant{guest}},
		link:        link{users: connection.UserIDs{user}},
	}
}

// Only a ChatThread that shows that nothing is to do waits for its first resync.
func TestIsSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*situation)
		want   bool
	}{
		"as it was left": {func(*situation) {}, true},
		"observed, without finalizer": {func(s *situation) {
			s.thread.Spec.ManagementPolicy, s.thread.Finalizers = chatv1alpha1.ManagementObserve, nil
		}, true},
		"edited": {func(s *situation) { s.thread.Generation++ }, false},
		"requested": {func(s *situation) {
			objects.SetAnnotation(s.thread, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		}, false},
		"not ready":                           {func(s *situation) { objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonThrottled}) }, false},
		"no status":                           {func(s *situation) { s.thread.Status = chatv1alpha1.ChatThreadStatus{} }, false},
		"restored from a backup":              {func(s *situation) { s.thread.UID = "thread-2" }, false},
		"renews a member":                     {func(s *situation) { s.thread.Status.Renewing = []chatv1alpha1.RenewingParticipant{{}} }, false},
		"lost the finalizer":                  {func(s *situation) { s.thread.Finalizers = nil }, false},
		"lost the service user":               {func(s *situation) { s.users = nil }, false},
		"lost the record of the service user": {func(s *situation) { s.thread.Annotations = nil }, false},
		"another service user":                {func(s *situation) { s.thread.Annotations[chatv1alpha1.AnnotationServiceUser] = "8:acs:other" }, false},
		"a ChatParticipant came":              {func(s *situation) { s.counted[0].Generation++ }, false},
		"a pending ChatParticipant":           {func(s *situation) { s.pending = s.counted }, false},
		"a deleted ChatParticipant":           {func(s *situation) { s.deleted = s.counted }, false},
		"a ChatParticipant is gone":           {func(s *situation) { s.counted = nil }, false},
		"a member was rejected":               {func(s *situation) { s.thread.Status.Participants.Joined-- }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settled()
			c.change(&s)
			s.before = s.thread.DeepCopy()
			s.caller = s.newCaller()
			if got := s.isSettled(); got != c.want {
				t.Errorf("isSettled is %t, want %t", got, c.want)
			}
		})
	}
}

// The moment of the first resync is chosen once. A change of the connection makes it now.
func TestFirstResync(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var first firstResync
	wait := first.wait(time.Hour, 1, now)
	if wait <= 0 || wait >= time.Hour {
		t.Fatalf("waits %s, want less than an hour", wait)
	}
	if again := first.wait(time.Hour, 1, now.Add(wait/2)); again != wait-wait/2 {
		t.Errorf("waits %s after half of the time, want %s", again, wait-wait/2)
	}
	if late := first.wait(time.Hour, 1, now.Add(wait)); late != 0 {
		t.Errorf("waits %s when the time is over", late)
	}
	if changed := first.wait(time.Hour, 2, now); changed != 0 {
		t.Errorf("waits %s after a change of the connection", changed)
	}
}
