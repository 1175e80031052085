// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// MaxRecreations threads of one connection are created again within RecreationWindow: a fault
	// of the service that answers 404 must not double every room.
	MaxRecreations = 3
	// RecreationWindow is the time within which recreations are counted.
	RecreationWindow = 10 * time.Minute

	// defaultBrakePeriod is spec.maxDeletions.per if an object of an older schema lacks it.
	defaultBrakePeriod = time.Hour
)

// deletionBrake counts the threads of a connection that were deleted at ACS.
type deletionBrake struct {
	mu sync.Mutex
	// passed holds when the deletion of each thread was allowed, and held the threads that wait
	// until somebody confirms.
	passed map[types.UID]time.Time
	held   map[types.UID]bool
	// isSet says that the deletions of an earlier process were counted. If they were more than the
	// limit, that process may have used all of it: from spent on, nothing more is allowed for the
	// time of the limit.
	isSet bool
	spent time.Time
}

// BrakeIsSet reports whether the deletions of an earlier process were counted.
func (b *deletionBrake) BrakeIsSet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.isSet
}

// SetBrake begins to count. With spent, an earlier process may have used the whole limit.
func (b *deletionBrake) SetBrake(spent bool, started time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.isSet = true
	if spent {
		b.spent = started
	}
}

// MayDelete reports whether the thread of a ChatThread may be deleted at ACS, and counts it once. A
// ChatThread that was held waits for confirmation, even if the period of the others is over.
func (b *deletionBrake) MayDelete(thread types.UID, now time.Time, limit *chatv1alpha1.MaxDeletions, confirmed bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for uid, at := range b.passed {
		if now.Sub(at) >= BrakePeriod(limit) {
			delete(b.passed, uid)
		}
	}
	_, passed := b.passed[thread]
	isFull := len(b.passed) >= int(limit.Count) || !b.spent.IsZero() && now.Sub(b.spent) < BrakePeriod(limit)
	switch {
	case passed, confirmed:
		delete(b.held, thread)
		return true
	case b.held[thread], isFull:
		if b.held == nil {
			b.held = map[types.UID]bool{}
		}
		b.held[thread] = true
		return false
	}
	if b.passed == nil {
		b.passed = map[types.UID]time.Time{}
	}
	b.passed[thread] = now
	return true
}

// forget drops a thread that was held. One that was deleted still counts.
func (b *deletionBrake) forget(thread types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, thread)
}

// BrakePeriod is the time within which spec.maxDeletions counts.
func BrakePeriod(limit *chatv1alpha1.MaxDeletions) time.Duration {
	if limit.Per == nil {
		return defaultBrakePeriod
	}
	return limit.Per.Duration
}

// recreations counts the threads of a connection that were created again.
type recreations struct {
	mu   sync.Mutex
	last map[recreation]time.Time
}

// recreation is one thread that is created again. A try that fails, such as by a write that the API
// server refuses, is repeated and counts once.
type recreation struct {
	thread      types.UID
	incarnation int64
}

// MayRecreate reports whether the thread of an incarnation of a ChatThread may be created again,
// and counts it.
func (r *recreations) MayRecreate(thread types.UID, incarnation int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.last, func(_ recreation, at time.Time) bool { return now.Sub(at) > RecreationWindow })
	this := recreation{thread: thread, incarnation: incarnation}
	if _, again := r.last[this]; !again && len(r.last) >= MaxRecreations {
		return false
	}
	if r.last == nil {
		r.last = map[recreation]time.Time{}
	}
	r.last[this] = now
	return true
}
