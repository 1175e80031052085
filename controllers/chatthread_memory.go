// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const (
	defaultResync = 10 * time.Minute
	// maxResync keeps a very long interval, with its jitter, a duration.
	maxResync = 365 * 24 * time.Hour
)

// threadMemory is what the process remembers of one ChatThread between passes. That there is one thread, and no
// thread is lost, does not depend on it: without it the operator reads more, waits longer, or tries something once
// more. A restart also ends what only it knows: the grace of a thread that was found, and a hold on recreations.
type threadMemory struct {
	// generation of the last pass that tried everything again.
	generation int64
	// begun is when that pass began, and nextResync when the next such pass is due.
	begun, nextResync time.Time
	// threadID is the thread of an incarnation, once this process has stored or created it: a cache may
	// lag behind.
	threadID    string
	incarnation int64
	// actor is the service user that was let into the thread last.
	actor string

	// create says whether a create may have been sent whose end is not known.
	create createState
	// searchingSince is since when the thread waits for the lists of service users.
	searchingSince time.Time
	// missingSince is when ACS first answered that it knows no such thread.
	missingSince time.Time
	// notListed says that the list of the service user does not show a missing thread.
	notListed bool
	// listedBefore are the threads that were listed when the last one was lost: the next is none of them.
	listedBefore map[string]bool
	// inaccessible is since when ACS refuses to show the thread, unchangeable since when it refuses changes of
	// it, and uncreatable since when it refuses to create one.
	inaccessible, unchangeable, uncreatable unconfirmed
	// recreationHeld says that the thread is not created anew before a person asks for it, recreationAsked that
	// one did since. heldAtRequest is what the connection was asked for last by then.
	recreationHeld, recreationAsked bool
	heldAtRequest                   string
	// probeWaitSince is since when passes wait for another one that probes the connection.
	probeWaitSince time.Time
	// markedDeleting says that the status told of the deletion before the first call of it.
	markedDeleting bool
	// unauthorized says that ACS refused a token that it had just issued, in the last pass.
	unauthorized bool
	// arrivals is the wait for ChatParticipants whose finalizer is not stored yet.
	arrivals arrivals
	// foundAt is when a thread that was made before was found: what declares its members may come later.
	foundAt time.Time

	// members is what is known of the members from earlier calls.
	members *membership.Memory
	// refusedParts holds what ACS did not take of topic, metadata and retention, with its answer.
	refusedParts map[string]error
	// sent holds the values that were sent and what the service then held, by field.
	sent map[string]plan.Sent
}

// tried is what a plan does not try again.
func (m *threadMemory) tried() plan.Tried {
	return plan.Tried{Refused: m.members.Refused, Malformed: m.members.Malformed, Renewed: m.members.Renewed, Sent: m.sent}
}

// noteSent notes what ACS made of values; nothing needs to be noted of those that it took.
func (m *threadMemory) noteSent(sent map[string]plan.Sent) {
	for field, value := range sent {
		if value.Want == value.Got {
			delete(m.sent, field)
			continue
		}
		m.sent[field] = value
	}
}

// begin starts a reconcile. Everything is tried again at each resync, when the spec changed, and when
// somebody asks for it.
func (m *threadMemory) begin(thread *chatv1alpha1.ChatThread, now time.Time) {
	// Another process has found the thread gone, and may have created the next one.
	if thread.Status.Incarnation > m.incarnation {
		m.create.lost(m.threadID)
		m.threadID, m.incarnation = "", thread.Status.Incarnation
	}
	requested := objects.IsRequested(thread, thread.Status.LastHandledReconcileAt)
	if m.generation == thread.Generation && now.Before(m.nextResync) && !requested {
		return
	}
	m.recreationAsked = m.recreationAsked || requested && m.recreationHeld
	m.generation = thread.Generation
	m.begun = now
	m.nextResync = now.Add(withJitter(resyncInterval(thread)))
	m.members.TryAgain()
	m.refusedParts = map[string]error{}
}

// isThere forgets that the thread was missing: it is there, or another one is to take its place.
func (m *threadMemory) clearMissing() {
	m.missingSince, m.recreationHeld, m.recreationAsked = time.Time{}, false, false
	m.notListed = false
}

// isListedBefore reports whether a thread was listed when the last one was lost.
func (m *threadMemory) isListedBefore(id string) bool {
	_, listed := m.listedBefore[id]
	return listed
}

// holdRecreation has the thread wait for a person, who may ask for it or for all threads of the connection.
func (m *threadMemory) holdRecreation(conn *chatv1alpha1.ChatConnection) {
	if !m.recreationHeld {
		m.recreationHeld, m.heldAtRequest = true, objects.ReconcileRequested(conn)
	}
}

// isRecreationAsked says whether somebody asked for the thread since it was held. The pass that the request came
// with may not have got so far.
func (m *threadMemory) isRecreationAsked(thread *chatv1alpha1.ChatThread, conn *chatv1alpha1.ChatConnection) bool {
	return m.recreationAsked || objects.IsRequested(thread, thread.Status.LastHandledReconcileAt) ||
		m.recreationHeld && objects.ReconcileRequested(conn) != m.heldAtRequest
}

// stretch puts the next resync off to a floor that is longer than the declared interval.
func (m *threadMemory) extendResync(floor, interval time.Duration) {
	if floor > interval && m.nextResync.Before(m.begun.Add(floor*9/10)) {
		m.nextResync = m.begun.Add(withJitter(floor))
	}
}

// memories holds what is remembered of each ChatThread.
type memories struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]*keyedMemory
}

type keyedMemory struct {
	uid types.UID
	*threadMemory
}

func newMemories() *memories { return &memories{byKey: map[types.NamespacedName]*keyedMemory{}} }

// of returns the memory of a thread. A namesake of a deleted one starts afresh.
func (m *memories) of(thread *chatv1alpha1.ChatThread) *threadMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := types.NamespacedName{Namespace: thread.Namespace, Name: thread.Name}
	found, ok := m.byKey[key]
	if !ok || found.uid != thread.UID {
		found = &keyedMemory{uid: thread.UID, threadMemory: &threadMemory{
			create:       createState{former: map[string]bool{}},
			refusedParts: map[string]error{},
			members:      membership.NewMemory(),
			sent:         map[string]plan.Sent{},
		}}
		m.byKey[key] = found
	}
	return found.threadMemory
}

// forget drops the memory of a thread that is no more and returns its uid.
func (m *memories) forget(key types.NamespacedName) types.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.byKey[key]
	if !ok {
		return ""
	}
	delete(m.byKey, key)
	return found.uid
}

func resyncInterval(thread *chatv1alpha1.ChatThread) time.Duration {
	if thread.Spec.ResyncInterval == nil {
		return defaultResync
	}
	return min(max(thread.Spec.ResyncInterval.Duration, time.Minute), maxResync)
}

// withJitter spreads the passes of resources that were created together.
func withJitter(interval time.Duration) time.Duration {
	return time.Duration(float64(interval) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // no secret depends on it
}

// unconfirmed is since when ACS gives an answer that would be final. One alone may be a passing fault.
type unconfirmed struct{ since time.Time }

// rest is how long to wait until a second answer of the kind counts; zero once it does.
func (u *unconfirmed) rest(now time.Time, confirm time.Duration) time.Duration {
	if u.since.IsZero() {
		u.since = now
	}
	return max(u.since.Add(confirm).Sub(now), 0)
}

// end forgets the answer: the same call got another one.
func (u *unconfirmed) end() { u.since = time.Time{} }

// noteFound notes since when a thread is this ChatThread's that was found.
func (m *threadMemory) noteFound() {
	if m.foundAt.IsZero() {
		m.foundAt = time.Now()
	}
}
