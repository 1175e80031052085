// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/acs-operator/acs-chat-operator/acs"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/roster"
)

// run is one reconcile of a ChatThread.
type run struct {
	// thread is the object as this reconcile changes it, and before what the API server holds.
	thread, before *chatv1alpha1.ChatThread
	memory         *threadMemory
	events         *eventList
}

// declaration is what the cluster shows of the ChatParticipants of the thread.
type declaration struct {
	// counted declare members, and deleted do so no more. The finalizer of pending ones is not stored yet.
	counted, deleted, pending []chatv1alpha1.ChatParticipant
}

// link is how ACS is reached.
type link struct {
	// caller says for whom calls are made.
	caller  pacing.Caller
	conn    *chatv1alpha1.ChatConnection
	session *connection.Connection
	// users are the service users that may act. The operator never removes one of them from a thread.
	users connection.UserIDs
}

// target is the thread at ACS that a reconcile is about. The zero value: none is known.
type target struct {
	threadID string
	origin   origin
	// user is the service user that acts.
	user *connection.User
	// others are younger threads with the same stamp, which are left as they are.
	others []string
	// previousUID is that of the earlier ChatThread of this name that had the thread.
	previousUID string
}

// origin says how a reconcile knows its target, and so what it means that ACS refuses to show it.
type origin int

const (
	// originStored is a thread that was this ChatThread's before.
	originStored origin = iota
	// originFound is one that carries the stamp, or that spec.threadID names. It is not stored in status
	// before it carries the stamp of this uid.
	originFound
	// originCreated is one that this reconcile created.
	originCreated
)

// isFound reports whether the thread is not this ChatThread's yet.
func (t target) isFound() bool { return t.origin == originFound }

// situation is what a reconcile knows when a step begins. A step takes it by value and returns the
// situation for the next one: it changes nothing for anybody else.
type situation struct {
	run
	declaration
	link
	target
	// have is the thread as ACS holds it; nil if there is none, or if it was not read.
	have *plan.Observed
	// results say of each declared member whether it is in the thread.
	results plan.Results
	// membersDone says that the members are as declared, as far as ACS lets.
	membersDone bool
	// released says that the finalizer is off.
	released bool
}

// owner is the stamp that says whose a thread is.
func (s situation) owner() string { return s.thread.Namespace + "/" + s.thread.Name }

// client is the acting user's client of the thread.
func (s situation) client() *acs.ThreadClient { return s.user.Chat.ThreadClient(s.threadID) }

// declared is what the ChatThread declares, for a plan.
func (s situation) declared() plan.Declared {
	return plan.Declare(s.thread, s.counted, s.pending, s.users)
}

// plan is what makes the thread as declared.
func (s situation) plan() plan.Plan { return plan.For(s.declared(), s.have, s.memory.tried()) }

// newCaller says for whom calls are made. A reconcile that nothing asked for only looks for drift.
func (s situation) newCaller() pacing.Caller {
	conditions := s.before.Status.Conditions
	asked := len(conditions) == 0 || s.before.Status.ObservedGeneration != s.thread.Generation ||
		apimeta.IsStatusConditionTrue(conditions, chatv1alpha1.ConditionReconciling) || s.isRequested() ||
		len(s.deleted) > 0 || !s.thread.DeletionTimestamp.IsZero()
	for i := range s.counted {
		asked = asked || s.counted[i].Status.ObservedGeneration != s.counted[i].Generation
	}
	return pacing.Caller{Thread: s.thread.UID, Namespace: s.thread.Namespace, Name: s.thread.Name, Background: !asked, Patience: resyncInterval(s.thread)}
}

// isRequested reports whether somebody asked for this reconcile.
func (s run) isRequested() bool {
	return objects.IsRequested(s.thread, s.before.Status.LastHandledReconcileAt)
}

// eventList are the events of a reconcile that were not sent yet.
type eventList struct{ events []objects.Event }

func (l *eventList) addEvent(event objects.Event) { l.events = append(l.events, event) }

func (l *eventList) add(reason, format string, args ...any) {
	l.events = append(l.events, objects.Event{Reason: reason, Note: fmt.Sprintf(format, args...)})
}

func (l *eventList) warn(reason, format string, args ...any) {
	l.events = append(l.events, objects.Event{Warning: true, Reason: reason, Note: fmt.Sprintf(format, args...)})
}

// take returns the events and empties the list.
func (l *eventList) take() []objects.Event {
	events := l.events
	l.events = nil
	return events
}

// ChatThreadReconciler keeps threads at ACS as ChatThreads and ChatParticipants declare them. It
// alone calls ACS for a thread.
type ChatThreadReconciler struct {
	client.Client
	// APIReader reads from the API server where a stale answer could make a second thread.
	APIReader client.Reader
	Recorder  events.EventRecorder
	Store     *objects.Store
	Sessions  *connection.Registry
	// WatchNamespaces are the namespaces that the operator is for; all where it is empty.
	WatchNamespaces []string

	// namespacesUnwatched has each Namespace read when it is needed.
	namespacesUnwatched bool

	timing         timing
	started        sync.Once
	startedAt      time.Time
	backoff        *objects.Backoff
	memories       *memories
	roster         *roster.Roster
	wakeConnection func(types.NamespacedName)
	// wakeListing has the list of a service user read.
	wakeListing func(types.NamespacedName)
}

// timing holds the waits that make a search and a loss certain.
type timing struct {
	// listAfter is how long after the start of the process, or a lost answer, a list of threads shows
	// what was created before.
	listAfter time.Duration
	// listFresh is how old such a list may be when a thread is created.
	listFresh time.Duration
	// goneConfirm is how far apart two answers that there is no such thread must be.
	goneConfirm time.Duration
	// goneAge is how old a thread must be for such an answer to count.
	goneAge time.Duration
	// foundGrace is how long nobody is removed from a thread that was found.
	foundGrace time.Duration
}

var defaultTiming = timing{
	listAfter:   10 * time.Second,
	listFresh:   60 * time.Second,
	goneConfirm: 10 * time.Second,
	goneAge:     30 * time.Second,
	foundGrace:  2 * debounceLimit,
}

// allocate takes over into status what identifies the thread.
func (s situation) allocate() {
	s.memory.threadID, s.memory.actor = s.threadID, s.user.ID
	s.thread.Status.ThreadID = s.threadID
	s.thread.Status.ServiceUser = s.user.ID
	s.thread.Status.UID = string(s.thread.UID)
	s.thread.Status.CreatedOn = objects.StatusTime(s.have.Properties.CreatedOn)
	s.session.Assign(s.thread.UID, s.user.ID)
}

// hasNoThread reports whether the ChatThread certainly has no thread: no create is outstanding, and none
// succeeded.
func (s situation) hasNoThread() bool {
	return s.memory.create.nothingSent() && s.thread.Status.ThreadID == "" && s.memory.threadID == "" && !s.thread.Adopts()
}
