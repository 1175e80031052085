// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"sync"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/access"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/queues"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/roster"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/uninstall"
	"github.com/acs-operator/acs-chat-operator/controllers/shards"
)

// run is one reconcile of a ChatThread.
type run struct {
	// thread is the object with the changes of this reconcile; before is the object at the API server.
	thread, before *chatv1alpha1.ChatThread
	memory         *threadMemory
	events         *eventList
}

// declaration holds the ChatParticipants of the thread.
type declaration struct {
	// counted ChatParticipants declare members, deleted ones no longer do. The finalizer of pending
	// ones is not stored yet.
	counted, deleted, pending []chatv1alpha1.ChatParticipant
}

// link is the access to ACS.
type link struct {
	// caller identifies the reconcile in the queue for calls.
	caller  pacing.Caller
	conn    *chatv1alpha1.ChatConnection
	session *connection.Connection
	// users are the service users that may act. The operator never removes one of them from a thread.
	users connection.UserIDs
}

// target is the thread at ACS of a reconcile. The zero value: none is known.
type target struct {
	threadID string
	origin   origin
	// user is the service user that acts.
	user *connection.User
	// others are younger threads with the same stamp, which are not changed.
	others []string
	// previousUID is that of the earlier ChatThread of this name that had the thread.
	previousUID string
}

// origin is how a reconcile knows its target. It decides on the meaning of a refusal to show the
// thread.
type origin int

const (
	// originStored is a thread that belonged to this ChatThread before.
	originStored origin = iota
	// originFound is a thread that carries the stamp, or that spec.threadID names. It is stored in
	// status only after it carries the stamp of this uid.
	originFound
	// originCreated is a thread that this reconcile created.
	originCreated
)

// isFound reports whether the thread does not belong to this ChatThread yet.
func (t target) isFound() bool { return t.origin == originFound }

// situation is the knowledge of a reconcile when a step begins. A step takes it by value and
// returns the situation for the next one.
type situation struct {
	run
	declaration
	link
	target
	// have is the thread as ACS holds it; nil if there is none, or if it was not read.
	have *plan.Observed
	// results hold for each declared member whether it is in the thread.
	results plan.Results
	// membersDone is set if the members are as declared, as far as ACS allows.
	membersDone bool
	// released is set if the finalizer was removed.
	released bool
}

// owner is the stamp that names the owner of a thread.
func (s situation) owner() string { return s.thread.Namespace + "/" + s.thread.Name }

// client returns the client of the acting user for the thread.
func (s situation) client() *acs.ThreadClient { return s.user.Chat.ThreadClient(s.threadID) }

// declared returns the declaration of the ChatThread for a plan.
func (s situation) declared() plan.Declared {
	return plan.Declare(s.thread, s.counted, s.pending, s.users)
}

// plan returns the changes that make the thread as declared.
func (s situation) plan() plan.Plan { return plan.For(s.declared(), s.have, s.memory.tried()) }

// newCaller returns the caller of the reconcile. A reconcile that nobody requested only looks for
// drift, unless members are out for a renewal.
func (s situation) newCaller() pacing.Caller {
	conditions := s.before.Status.Conditions
	asked := len(conditions) == 0 || s.before.Status.ObservedGeneration != s.thread.Generation ||
		apimeta.IsStatusConditionTrue(conditions, chatv1alpha1.ConditionReconciling) || s.isRequested() ||
		s.hasNewParticipants() || !s.thread.DeletionTimestamp.IsZero() || len(s.before.Status.Renewing) > 0
	return pacing.Caller{Thread: s.thread.UID, Namespace: s.thread.Namespace, Name: s.thread.Name, Background: !asked, Patience: resyncInterval(s.thread)}
}

// hasNewParticipants reports whether a ChatParticipant came, changed or went since the last
// reconcile that settled it.
func (d declaration) hasNewParticipants() bool {
	return len(d.deleted) > 0 || slices.ContainsFunc(d.counted, func(p chatv1alpha1.ChatParticipant) bool {
		return p.Status.ObservedGeneration != p.Generation
	})
}

// isRequested reports whether somebody requested this reconcile.
func (s run) isRequested() bool {
	return objects.IsRequested(s.thread, s.before.Status.LastHandledReconcileAt)
}

// cause returns the cause of the changes of this reconcile to a thread that exists. If the
// declaration was carried out before, somebody else changed the thread since.
func (s situation) cause() cause {
	if s.before.Status.ObservedGeneration != s.thread.Generation || s.hasNewParticipants() {
		return causeSpec
	}
	return causeDrift
}

// causeOfCreate returns the cause of a new thread. A thread that replaces another one follows one
// that was deleted at ACS.
func (s situation) causeOfCreate() cause {
	if s.thread.Status.Incarnation > 0 {
		return causeDrift
	}
	return causeSpec
}

// causeOfMembers returns the cause of changes of the members. ACS may take later a member that it
// refused first.
func (s situation) causeOfMembers() cause {
	if counts := s.before.Status.Participants; counts != nil && counts.Rejected > 0 {
		return causeSpec
	}
	return s.cause()
}

// eventList holds the events of a reconcile that were not sent yet.
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

// ChatThreadReconciler reconciles threads at ACS with ChatThreads and ChatParticipants. Only
// ChatThreadReconciler changes threads.
type ChatThreadReconciler struct {
	client.Client
	// APIReader reads from the API server if a stale answer could cause a second thread.
	APIReader client.Reader
	Recorder  events.EventRecorder
	Store     *objects.Store
	Sessions  *connection.Registry
	// WatchNamespaces are the namespaces that the operator watches; empty for all.
	WatchNamespaces []string

	// held are the namespaces that this process holds; nil for all that it watches.
	held *shards.Held
	// access tells which namespaces may use a connection.
	access access.Rules
	// uninstall tells whether the operator is being uninstalled.
	uninstall uninstall.Detector

	timing    timing
	started   sync.Once
	startedAt time.Time
	// restCount is the number of ChatThreads when the first one could rest.
	restMu         sync.Mutex
	restCount      int
	backoff        *queues.Backoff
	memories       *memories
	roster         *roster.Roster
	wakeConnection func(types.NamespacedName)
	// wakeListing requests the list of a service user.
	wakeListing func(types.NamespacedName)
}

// timing holds the waits after which a search or a loss is certain.
type timing struct {
	// listAfter is the wait after the process began to work, or after a lost answer. A list that
	// begins later shows all threads created before.
	listAfter time.Duration
	// listFresh is the maximum age of such a list when a thread is created.
	listFresh time.Duration
	// goneConfirm is the minimum time between two answers that there is no such thread.
	goneConfirm time.Duration
	// goneAge is the minimum age of a thread for such an answer to count.
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

// allocate copies the identity of the thread into status.
func (s situation) allocate() {
	s.memory.threadID, s.memory.actor = s.threadID, s.user.ID
	s.memory.isUserLost = false
	s.thread.Status.ThreadID = s.threadID
	s.thread.Status.ServiceUser = s.user.ID
	s.thread.Status.UID = string(s.thread.UID)
	s.thread.Status.CreatedOn = objects.StatusTime(s.have.Properties.CreatedOn)
	s.session.Assign(s.thread.UID, s.user.ID)
}

// hasNoThread reports whether the ChatThread certainly has no thread: no create is outstanding, and
// none succeeded.
func (s situation) hasNoThread() bool {
	return s.memory.create.nothingSent() && s.thread.Status.ThreadID == "" && s.memory.threadID == "" && !s.thread.Adopts()
}
