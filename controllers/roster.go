// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// rosterEntry is what the last pass over a thread says of one ChatParticipant.
type rosterEntry struct {
	state rosterState
	// generation of the ChatParticipant that the entry answers for.
	generation int64
	threadID   string
	// reason and message of a participant that is not in the thread.
	reason, message string
}

type rosterState int

const (
	// rosterUnjudged: no pass over the thread has said anything of this generation yet.
	rosterUnjudged rosterState = iota
	// rosterJoined: the user is in the thread.
	rosterJoined
	// rosterRefused: the user is not in the thread, and a person must act.
	rosterRefused
	// rosterWaiting: the thread cannot take members now; whoever was in it stays as it was reported.
	rosterWaiting
	// rosterShut: the thread is out of reach; nobody is reported to be in it, and a deletion waits.
	rosterShut
	// rosterClosed: the thread takes no members (any more); a deletion does not wait for it.
	rosterClosed
	// rosterReleased: a pass that no longer counted the ChatParticipant has finished.
	rosterReleased
)

// roster hands the result of each pass over a thread to its ChatParticipants. It lives in memory
// only: the next pass over the thread rebuilds it.
type roster struct {
	mu      sync.Mutex
	threads map[types.UID]map[types.UID]rosterLine
	// wake is called for each ChatParticipant whose entry has changed.
	wake func(types.NamespacedName)
}

func newRoster(wake func(types.NamespacedName)) *roster {
	return &roster{threads: map[types.UID]map[types.UID]rosterLine{}, wake: wake}
}

// rosterLine is an entry with the ChatParticipant that it is for.
type rosterLine struct {
	key types.NamespacedName
	uid types.UID
	rosterEntry
}

// outlasts says that a later entry tells nothing new: a thread that cannot be looked at now says nothing of
// those it was seen with.
func (e rosterEntry) outlasts(later rosterEntry) bool {
	return later.state == rosterWaiting && e.generation == later.generation && e.threadID == later.threadID &&
		(e.state == rosterJoined || e.state == rosterRefused)
}

// publish replaces the entries of a thread.
func (r *roster) publish(thread types.UID, lines []rosterLine) {
	r.mu.Lock()
	before := r.threads[thread]
	after := make(map[types.UID]rosterLine, len(lines))
	var changed []types.NamespacedName
	for _, line := range lines {
		known, found := before[line.uid]
		if found && known.outlasts(line.rosterEntry) {
			line = known
		}
		after[line.uid] = line
		if !found || known != line {
			changed = append(changed, line.key)
		}
	}
	// A thread that took nobody may take them now: those without a finalizer must store it first.
	for uid, line := range before {
		if _, found := after[uid]; !found && (line.state == rosterShut || line.state == rosterClosed) {
			changed = append(changed, line.key)
		}
	}
	r.threads[thread] = after
	r.mu.Unlock()
	for _, key := range changed {
		r.wake(key)
	}
}

// entry returns what is known of a ChatParticipant.
func (r *roster) entry(thread, participant types.UID) (rosterEntry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, ok := r.threads[thread][participant]
	return line.rosterEntry, ok
}

// forget drops the entries of a thread that is no more.
func (r *roster) forget(thread types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.threads, thread)
}
