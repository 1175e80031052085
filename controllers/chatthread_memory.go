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

// threadMemory is the memory of the process for one ChatThread between reconciles. The guarantees
// of one thread and no lost thread do not depend on it: without it the operator reads more, waits
// longer, or repeats a try. A restart also ends the grace of a thread that was found, and a hold on
// recreations.
type threadMemory struct {
	// generation of the last reconcile that tried everything again.
	generation int64
	// begun is the start of that reconcile; nextResync is when the next such reconcile is due.
	begun, nextResync time.Time
	// threadID is the thread of an incarnation, once this process has stored or created it: the cache
	// may be stale.
	threadID    string
	incarnation int64
	// first is the first resync of the thread in this process.
	first firstResync
	// actor is the service user that last got access to the thread.
	actor string
	// isUserLost is set once the status said that the connection does not know the service user in the
	// annotation. To remove the annotation then states that there is no such user.
	isUserLost bool

	// create knows whether a create may have been sent without a known end.
	create createState
	// searchingSince is since when the thread waits for the lists of service users.
	searchingSince time.Time
	// missingSince is when ACS first answered that there is no such thread.
	missingSince time.Time
	// notListed is set if the list of the service user does not show a missing thread.
	notListed bool
	// listedBefore are the threads in the list when the last one was lost: the next thread is none of
	// them.
	listedBefore map[string]bool
	// inaccessible counts from the first refusal to show the thread, unchangeable from the first
	// refusal to change it, and uncreatable from the first refusal to create one.
	inaccessible, unchangeable, uncreatable unconfirmed
	// contradicted counts from the first 404 for a thread together with a 403 for its members.
	contradicted unconfirmed
	// recreationHeld is set if the thread is not created again before a person asks for it;
	// recreationAsked is set once a person did. heldAtRequest is the last request of the connection at
	// the time of the hold.
	recreationHeld, recreationAsked bool
	heldAtRequest                   string
	// probeWaitSince is since when reconciles wait for another one that probes the connection.
	probeWaitSince time.Time
	// markedDeleting is set if the status showed the deletion before its first call.
	markedDeleting bool
	// deletionSeen is when a reconcile first saw the deletion, removalSeen when the plan first had
	// members to remove since it had none.
	deletionSeen, removalSeen time.Time
	// unauthorized is set if ACS refused a newly issued token in the last reconcile.
	unauthorized bool
	// arrivals is the wait for ChatParticipants whose finalizer is not stored yet.
	arrivals arrivals
	// found is the last existing thread that was found, and foundAt when: the declarations of its
	// members may come later.
	found   string
	foundAt time.Time

	// members holds the results of earlier calls on the members.
	members membership.Memory
	// refusedParts holds the refused values of topic, metadata and retention, with the answer of ACS.
	// Like other maps of the memory it is made when it is first needed.
	refusedParts map[string]error
	// sent holds the sent values and the values that ACS stored, by field.
	sent map[string]plan.Sent
}

// tried returns the tries that a plan does not repeat.
func (m *threadMemory) tried() plan.Tried {
	return plan.Tried{Refused: m.members.Refused, Malformed: m.members.Malformed, Renewed: m.members.Renewed, Sent: m.sent}
}

// noteSent notes the values that ACS stored in another form. Values that it stored as sent need no
// note.
func (m *threadMemory) noteSent(sent map[string]plan.Sent) {
	for field, value := range sent {
		if value.Want == value.Got {
			delete(m.sent, field)
			continue
		}
		if m.sent == nil {
			m.sent = map[string]plan.Sent{}
		}
		m.sent[field] = value
	}
}

// notePartRefused notes that ACS refused a value.
func (m *threadMemory) notePartRefused(part plan.Properties, err error) {
	if m.refusedParts == nil {
		m.refusedParts = map[string]error{}
	}
	m.refusedParts[part.ID()] = err
}

// noteRemovals notes since when the plan removes members.
func (m *threadMemory) noteRemovals(count int) {
	switch {
	case count == 0:
		m.removalSeen = time.Time{}
	case m.removalSeen.IsZero():
		m.removalSeen = time.Now()
	}
}

// begin starts a reconcile. Everything is tried again at each resync, after a change of the spec,
// and on request.
func (m *threadMemory) begin(thread *chatv1alpha1.ChatThread, now time.Time) {
	// Another process found that the thread is gone, and may have created the next one.
	if thread.Status.Incarnation > m.incarnation {
		m.create.lost(m.threadID)
		m.threadID, m.incarnation = "", thread.Status.Incarnation
	}
	requested := objects.IsRequested(thread, thread.Status.LastHandledReconcileAt)
	if m.generation == thread.Generation && now.Before(m.nextResync) && !requested {
		return
	}
	if m.generation == thread.Generation && !requested {
		noteResync(m.nextResync, now)
	}
	m.recreationAsked = m.recreationAsked || requested && m.recreationHeld
	m.generation = thread.Generation
	m.begun = now
	m.nextResync = now.Add(withJitter(resyncInterval(thread)))
	m.members.TryAgain()
	m.refusedParts = nil
}

// clearMissing forgets that the thread was missing: it exists, or another one replaces it.
func (m *threadMemory) clearMissing() {
	m.missingSince, m.recreationHeld, m.recreationAsked = time.Time{}, false, false
	m.notListed = false
}

// isListedBefore reports whether a thread was listed when the last one was lost.
func (m *threadMemory) isListedBefore(id string) bool {
	_, listed := m.listedBefore[id]
	return listed
}

// holdRecreation makes the thread wait for a person. The person may request this thread, or all
// threads of the connection.
func (m *threadMemory) holdRecreation(conn *chatv1alpha1.ChatConnection) {
	if !m.recreationHeld {
		m.recreationHeld, m.heldAtRequest = true, objects.ReconcileRequested(conn)
	}
}

// isRecreationAsked reports whether somebody requested the thread since it was held. The reconcile
// that saw the request may have ended before this step.
func (m *threadMemory) isRecreationAsked(thread *chatv1alpha1.ChatThread, conn *chatv1alpha1.ChatConnection) bool {
	return m.recreationAsked || objects.IsRequested(thread, thread.Status.LastHandledReconcileAt) ||
		m.recreationHeld && objects.ReconcileRequested(conn) != m.heldAtRequest
}

// extendResync delays the next resync to a floor that is longer than the declared interval.
func (m *threadMemory) extendResync(floor, interval time.Duration) {
	if floor > interval && m.nextResync.Before(m.begun.Add(floor*9/10)) {
		m.nextResync = m.begun.Add(withJitter(floor))
	}
}

// memories holds the memory of each ChatThread.
type memories struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]*keyedMemory
}

type keyedMemory struct {
	uid types.UID
	threadMemory
}

func newMemories() *memories { return &memories{byKey: map[types.NamespacedName]*keyedMemory{}} }

// of returns the memory of a thread. A ChatThread that replaced one of the same name starts with an
// empty memory.
func (m *memories) of(thread *chatv1alpha1.ChatThread) *threadMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := types.NamespacedName{Namespace: thread.Namespace, Name: thread.Name}
	found, ok := m.byKey[key]
	if !ok || found.uid != thread.UID {
		found = &keyedMemory{uid: thread.UID}
		m.byKey[key] = found
	}
	return &found.threadMemory
}

// forget drops the memory of a thread that no longer exists and returns its uid.
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

// withJitter spreads the reconciles of resources that were created together.
func withJitter(interval time.Duration) time.Duration {
	return time.Duration(float64(interval) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // no secret depends on it
}

// unconfirmed is since when ACS gives an answer that would be final. A single answer may be a
// temporary fault.
type unconfirmed struct{ since time.Time }

// rest is the remaining wait until a second answer of the kind counts; zero once it does.
func (u *unconfirmed) rest(now time.Time, confirm time.Duration) time.Duration {
	if u.since.IsZero() {
		u.since = now
	}
	return max(u.since.Add(confirm).Sub(now), 0)
}

// end forgets the answer: the same call got another one.
func (u *unconfirmed) end() { u.since = time.Time{} }

// noteFound notes when a thread was found for this ChatThread.
func (m *threadMemory) noteFound(id string) {
	if m.found != id {
		m.found, m.foundAt = id, time.Now()
	}
}

// firstResync is the first resync of a thread in this process.
type firstResync struct {
	// due is its moment, and connection the generation of the ChatConnection when it was chosen.
	due        time.Time
	connection int64
	// isPast is set once the thread was looked for, or needs to be.
	isPast bool
}

func (f *firstResync) mayRest() bool { return !f.isPast }

// end has each further reconcile read the thread.
func (f *firstResync) end() { f.isPast = true }

// wait returns how long to wait for the moment, which is chosen within a time. A change of
// the connection ends the wait.
func (f *firstResync) wait(within time.Duration, connection int64, now time.Time) time.Duration {
	if f.due.IsZero() {
		f.due, f.connection = now.Add(rand.N(within)), connection //nolint:gosec // no secret depends on it
	}
	if f.connection != connection {
		return 0
	}
	return max(f.due.Sub(now), 0)
}
