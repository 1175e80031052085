// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package roster hands the result of each reconcile of a ChatThread to its ChatParticipants.
//
// It lives in memory only: the next reconcile of the thread fills it again. It writes no status,
// which is the task of the ChatParticipant controller. It makes no calls.
package roster

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Entry is the result of the last reconcile of a thread for one ChatParticipant.
type Entry struct {
	State State
	// Generation is the generation of the ChatParticipant that the reconcile saw.
	Generation int64
	ThreadID   string
	// Reason and Message explain why a participant is not in the thread.
	Reason, Message string
}

// State is the state of a ChatParticipant.
type State int

// The states of a ChatParticipant.
const (
	// Pending: no reconcile of the thread has seen this generation of the ChatParticipant yet.
	Pending State = iota
	// Joined: the user is in the thread.
	Joined
	// Rejected: the user is not in the thread, and a person must act.
	Rejected
	// Unknown: the thread cannot take members now. The former state stays.
	Unknown
	// AccessLost: the thread is out of reach. Nobody is reported as a member, and a deletion waits.
	AccessLost
	// NotManaged: the thread takes no members (any more). A deletion does not wait for it.
	NotManaged
	// Removed: the thread no longer counts the ChatParticipant.
	Removed
)

// Roster holds the entries of all ChatParticipants. It is safe for concurrent use.
type Roster struct {
	mu      sync.Mutex
	threads map[types.UID]map[types.UID]Line
	// wake is called for each ChatParticipant whose entry has changed.
	wake func(types.NamespacedName)
}

// New returns an empty Roster. It calls wake for each ChatParticipant whose entry changed.
func New(wake func(types.NamespacedName)) *Roster {
	return &Roster{threads: map[types.UID]map[types.UID]Line{}, wake: wake}
}

// Line is an entry with its ChatParticipant.
type Line struct {
	Key types.NamespacedName
	UID types.UID
	Entry
}

// isKeptOver reports whether a later entry has no news: a thread that cannot be read now does not
// change the state of the ChatParticipants that were seen in it.
func (e Entry) isKeptOver(later Entry) bool {
	return later.State == Unknown && e.Generation == later.Generation && e.ThreadID == later.ThreadID &&
		(e.State == Joined || e.State == Rejected)
}

// Publish replaces the entries of a thread.
func (r *Roster) Publish(thread types.UID, lines []Line) {
	r.mu.Lock()
	before := r.threads[thread]
	after := make(map[types.UID]Line, len(lines))
	var changed []types.NamespacedName
	for _, line := range lines {
		known, found := before[line.UID]
		if found && known.isKeptOver(line.Entry) {
			line = known
		}
		after[line.UID] = line
		if !found || known != line {
			changed = append(changed, line.Key)
		}
	}
	// A thread that took no members may take some now: a ChatParticipant without a finalizer stores it
	// first.
	for uid, line := range before {
		if _, found := after[uid]; !found && (line.State == AccessLost || line.State == NotManaged) {
			changed = append(changed, line.Key)
		}
	}
	if r.threads[thread] = after; len(after) == 0 {
		delete(r.threads, thread)
	}
	r.mu.Unlock()
	for _, key := range changed {
		r.wake(key)
	}
}

// Entry returns the last entry of a ChatParticipant.
func (r *Roster) Entry(thread, participant types.UID) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, ok := r.threads[thread][participant]
	return line.Entry, ok
}

// Forget drops the entries of a thread that no longer exists.
func (r *Roster) Forget(thread types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.threads, thread)
}
