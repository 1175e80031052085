// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// threadScope carries one pass over a ChatThread.
type threadScope struct {
	// thread is changed in memory as the pass goes; before is what the API server holds.
	thread, before *chatv1alpha1.ChatThread
	memory         *threadMemory
	// participants are the ChatParticipants that count; leaving are those that are being deleted.
	participants, leaving []chatv1alpha1.ChatParticipant
	// arriving are those whose finalizer is not stored yet.
	arriving []chatv1alpha1.ChatParticipant

	// who is the pass, for the quotas of ACS.
	who     pacing.Caller
	conn    *chatv1alpha1.ChatConnection
	session *connection.Connection
	// known are the service users that may act; none of them is ever removed.
	known []string
	// leave ends the probe of a connection that did not answer.
	leave func()

	// threadID is the thread at ACS; empty while there is none.
	threadID string
	// taking says that the thread is not this resource's yet: it was found, or is to be adopted.
	taking bool
	// others are younger threads with the same stamp, which are left alone.
	others []string
	// formerUID is that of the earlier resource of this name whose thread is taken over.
	formerUID string
	// user acts for the thread.
	user *connection.User
	// firstTry says that no create can have been sent before this pass, and made that it created the thread.
	firstTry, made bool
	// remote is what ACS holds; nil until it was read or created.
	remote *remoteThread
	// propertiesSent says that the thread was created in this pass as it is declared.
	propertiesSent bool
	// refusedChange is what it means that ACS does not take topic, metadata or retention.
	refusedChange error

	// membersDone says that the members were brought in line as far as ACS let them.
	membersDone bool
	results     memberResults
	events      []objects.Event
}

// remoteThread is a thread as ACS holds it.
type remoteThread struct {
	properties acs.ThreadProperties
	members    []plan.ObservedMember
}

func (s *threadScope) tell(reason, format string, args ...any) {
	s.events = append(s.events, objects.Event{Reason: reason, Note: fmt.Sprintf(format, args...)})
}

func (s *threadScope) warn(reason, format string, args ...any) {
	s.events = append(s.events, objects.Event{Warning: true, Reason: reason, Note: fmt.Sprintf(format, args...)})
}

// awaitArrivals delays the reconcile of an existing thread while ChatParticipants are about to count, so that those
// that are applied together are added together; but not for long.
func (s *threadScope) awaitArrivals(now time.Time) error {
	if s.thread.Status.ThreadID == "" || !s.memory.arrivals.wait(s.arriving, now) {
		return nil
	}
	return &outcome.Wait{Quiet: true, After: debounceInterval}
}

// pass says on whose behalf calls are made. Where nothing was asked for that is not done, the pass only
// looks for drift.
func (s *threadScope) pass() pacing.Caller {
	conditions := s.before.Status.Conditions
	asked := len(conditions) == 0 || s.before.Status.ObservedGeneration != s.thread.Generation ||
		apimeta.IsStatusConditionTrue(conditions, chatv1alpha1.ConditionReconciling) ||
		objects.IsRequested(s.thread, s.before.Status.LastHandledReconcileAt) ||
		len(s.leaving) > 0 || !s.thread.DeletionTimestamp.IsZero()
	for i := range s.participants {
		asked = asked || s.participants[i].Status.ObservedGeneration != s.participants[i].Generation
	}
	return pacing.Caller{Thread: s.thread.UID, Background: !asked, Patience: resyncInterval(s.thread)}
}

// owner is the stamp that says whose a thread is.
func (s *threadScope) owner() string { return s.thread.Namespace + "/" + s.thread.Name }

// client is the acting user's client of the thread.
func (s *threadScope) client() *acs.ThreadClient { return s.user.Chat.ThreadClient(s.threadID) }
