// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// A call without an answer counts from now on, so it comes after those that were answered: whoever is next
// waits for the oldest answer, not for one that is still to come.
func TestBucketWaitsForTheOldestAnswer(t *testing.T) {
	t.Parallel()
	start := time.Now()
	after := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	quotas := []pacing.Quota{{Limit: 2, Window: 10 * time.Second}}
	b := &pacing.Bucket{Taken: []pacing.Slot{{Background: true}, {Background: false}}}
	b.Answered(after(1), false)
	if got := b.Earliest(after(9), quotas, pacing.Caller{Thread: "next"}, 1); !got.Equal(after(11)) {
		t.Errorf("the next call is at %s, want 11s", got.Sub(start))
	}
	b.Answered(after(10), true)
	if got := b.Earliest(after(10), quotas, pacing.Caller{Thread: "next"}, 2); !got.Equal(after(20)) {
		t.Errorf("the next two calls are at %s, want 20s", got.Sub(start))
	}
}
