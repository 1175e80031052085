// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// ChatParticipants that are applied together are added in one call.
const (
	// debounceInterval is the delay between the first change of a ChatParticipant and the reconcile of
	// its thread.
	debounceInterval = 500 * time.Millisecond
	// debounceLimit is the longest wait of a thread for ChatParticipants whose finalizer is not stored
	// yet.
	debounceLimit = 5 * time.Second
)

// arrivals is the wait of a thread for ChatParticipants that do not count yet, because their
// finalizer is not stored.
type arrivals struct {
	// since is when the thread began to wait; zero if it does not.
	since time.Time
	// overdue are the ChatParticipants for which the wait of the thread has ended. Some never get a
	// finalizer.
	overdue map[types.UID]bool
}

// wait reports whether the thread continues to wait for ChatParticipants that are pending now.
func (a *arrivals) wait(pending []chatv1alpha1.ChatParticipant, now time.Time) bool {
	overdue := map[types.UID]bool{}
	isWaiting := false
	for i := range pending {
		uid := pending[i].UID
		overdue[uid] = true
		isWaiting = isWaiting || !a.overdue[uid]
	}
	switch {
	case !isWaiting:
		a.since = time.Time{}
		return false
	case a.since.IsZero():
		a.since = now
	case now.Sub(a.since) >= debounceLimit:
		*a = arrivals{overdue: overdue}
		return false
	}
	return true
}
