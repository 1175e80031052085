// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// restPace is how far apart the first resyncs of threads are on average, unless the resync interval
// is too short for that.
const restPace = 60 * time.Millisecond

// rest ends the first reconciles of a thread that an earlier process left as declared. Its first
// resync is due at a moment within the resync interval: a process that starts must not read all
// threads at once, and requests of users come first in the meantime. Few threads are read soon.
func (r *ChatThreadReconciler) rest(ctx context.Context, s situation) (situation, error) {
	if !s.memory.first.mayRest() {
		return s, nil
	}
	if s.isSettled() {
		s.countForUser()
		spread, err := r.restSpread(ctx, s)
		if err != nil {
			return s, err
		}
		if wait := s.memory.first.wait(spread, s.conn.Generation, time.Now()); wait > 0 {
			return s, &outcome.Wait{Quiet: true, After: wait}
		}
	}
	if due := s.memory.first.due; !due.IsZero() {
		noteResync(due, time.Now())
	}
	s.memory.first.end()
	return s, nil
}

// restSpread is the time over which the first resyncs are spread. The threads are counted once.
func (r *ChatThreadReconciler) restSpread(ctx context.Context, s situation) (time.Duration, error) {
	r.restMu.Lock()
	defer r.restMu.Unlock()
	if r.restCount == 0 {
		threads := &chatv1alpha1.ChatThreadList{}
		if err := r.List(ctx, threads, client.UnsafeDisableDeepCopy); err != nil {
			return 0, fmt.Errorf("list ChatThreads: %w", err)
		}
		r.restCount = len(threads.Items)
	}
	all := time.Duration(r.restCount) * restPace
	return max(min(all, resyncInterval(s.thread)), time.Millisecond), nil
}

// isSettled reports whether the ChatThread shows that nothing is to do for it.
func (s situation) isSettled() bool {
	status := s.thread.Status
	ready := apimeta.FindStatusCondition(status.Conditions, chatv1alpha1.ConditionReady)
	counts := status.Participants
	return s.caller.Background && len(s.pending) == 0 && len(status.Renewing) == 0 &&
		ready != nil && ready.Reason == chatv1alpha1.ReasonSucceeded && ready.ObservedGeneration == s.thread.Generation &&
		status.ThreadID != "" && status.UID == string(s.thread.UID) &&
		s.isHeldAsStored() &&
		// A ChatParticipant may have come or gone while no process watched.
		counts != nil && counts.Joined == counts.Desired && int(counts.Desired) == len(s.declared().Members)
}

// isHeldAsStored reports whether the ChatThread has the finalizer with the service user that its
// status names. Under Observe it may have none of them.
func (s situation) isHeldAsStored() bool {
	user := s.thread.Status.ServiceUser
	if !objects.HasFinalizer(s.thread) {
		return s.thread.Observes()
	}
	return s.thread.Annotations[chatv1alpha1.AnnotationServiceUser] == user && s.users.Contains(user)
}
