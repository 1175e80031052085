// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// deletionBrake counts the threads of a connection that were deleted at ACS.
type deletionBrake struct {
	// passed holds when the deletion of each thread was let through, held those that are not until somebody confirms.
	passed map[types.UID]time.Time
	held   map[types.UID]bool
	// isSet says that the deletions that an earlier process left behind were counted. Where they were more than
	// the limit, that process may have let its share through: from spent on nothing more is, for the time of the limit.
	isSet bool
	spent time.Time
}

func (s *Connection) BrakeIsSet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.brake.isSet
}

// setBrake begins to count; spent says that an earlier process may have used up what may be deleted.
func (s *Connection) SetBrake(spent bool, started time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.brake.isSet = true
	if spent {
		s.brake.spent = started
	}
}

// mayDelete says whether the thread of a resource may be deleted at ACS, and counts it once. A resource that
// was held waits for confirmation, also when the time of the others has gone by.
func (s *Connection) MayDelete(thread types.UID, now time.Time, limit *chatv1alpha1.MaxDeletions, confirmed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.brake
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

func BrakePeriod(limit *chatv1alpha1.MaxDeletions) time.Duration {
	if limit.Per == nil {
		return defaultBrakePeriod
	}
	return limit.Per.Duration
}

// defaultBrakePeriod is spec.maxDeletions.per where an object of an older schema lacks it.
const defaultBrakePeriod = time.Hour
