// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// declare lists the ChatParticipants of the thread and determines the caller of the reconcile.
func (r *ChatThreadReconciler) declare(ctx context.Context, s situation) (situation, error) {
	if err := r.restoreFinalizer(ctx, s); err != nil {
		return s, err
	}
	var err error
	if s.declaration, err = r.listParticipants(ctx, s.thread); err != nil {
		return s, err
	}
	if err := s.waitForPending(time.Now()); err != nil {
		return s, err
	}
	s.caller = s.newCaller()
	return s, nil
}

// listParticipants lists the ChatParticipants of a thread. A ChatParticipant counts from the moment
// when its finalizer is stored until it is being deleted. If the operator only observes, the
// finalizer is not required.
func (r *ChatThreadReconciler) listParticipants(ctx context.Context, thread *chatv1alpha1.ChatThread) (declaration, error) {
	list := &chatv1alpha1.ChatParticipantList{}
	err := r.List(ctx, list, client.InNamespace(thread.Namespace), client.MatchingFields{indexThread: thread.Name})
	if err != nil {
		return declaration{}, fmt.Errorf("list ChatParticipants: %w", err)
	}
	var d declaration
	for _, p := range list.Items {
		switch {
		case !p.DeletionTimestamp.IsZero():
			d.deleted = append(d.deleted, p)
		case objects.HasFinalizer(&p) || thread.Observes():
			d.counted = append(d.counted, p)
		default:
			d.pending = append(d.pending, p)
		}
	}
	return d, nil
}

// waitForPending delays the reconcile of an existing thread for a short time while ChatParticipants
// are about to count, so that ChatParticipants that are applied together are added together.
func (s situation) waitForPending(now time.Time) error {
	if s.thread.Status.ThreadID == "" || !s.memory.arrivals.wait(s.pending, now) {
		return nil
	}
	return &outcome.Wait{Quiet: true, After: debounceInterval}
}

// verifyThread ensures that the cache shows the ChatThread as the API server has it, and copies its
// metadata.
func (r *ChatThreadReconciler) verifyThread(ctx context.Context, s situation) error {
	live := &chatv1alpha1.ChatThread{}
	if err := r.APIReader.Get(ctx, objects.KeyOf(s.thread), live); err != nil {
		if apierrors.IsNotFound(err) {
			return errStaleCache()
		}
		return fmt.Errorf("get ChatThread: %w", err)
	}
	if live.UID != s.thread.UID || live.Generation != s.thread.Generation || !live.DeletionTimestamp.IsZero() ||
		live.Status.ThreadID != s.before.Status.ThreadID || live.Status.Incarnation != s.before.Status.Incarnation ||
		objects.HasFinalizer(live) && !objects.HasFinalizer(s.thread) {
		return errStaleCache()
	}
	s.thread.ObjectMeta = live.ObjectMeta
	s.before.ObjectMeta = *live.ObjectMeta.DeepCopy()
	// Another process may have removed members for a moment since the cache was read.
	s.before.Status.Renewing = live.DeepCopy().Status.Renewing
	s.thread.Status.Renewing = live.Status.Renewing
	return nil
}

// verifyLive verifies the declaration against the API server before members change: a stale cache
// would remove members that were just added, and add those that were removed.
func (r *ChatThreadReconciler) verifyLive(ctx context.Context, s situation, removes bool) error {
	if err := r.verifyThread(ctx, s); err != nil {
		return err
	}
	return r.verifyParticipants(ctx, s, removes)
}

// verifyParticipants verifies the ChatParticipants in the cache against the API server. For
// additions alone, those that the cache does not show yet do not matter.
func (r *ChatThreadReconciler) verifyParticipants(ctx context.Context, s situation, removes bool) error {
	if !removes && len(s.counted)+len(s.pending) == 0 {
		return nil
	}
	cached := make(map[types.UID]int64, len(s.counted)+len(s.pending))
	for _, p := range slices.Concat(s.counted, s.pending) {
		cached[p.UID] = p.Generation
	}
	confirmed, stale := 0, false
	err := objects.EachPage(ctx, r.APIReader, &chatv1alpha1.ChatParticipantList{}, func(live *chatv1alpha1.ChatParticipantList) bool {
		for i := range live.Items {
			p := &live.Items[i]
			generation, known := cached[p.UID]
			switch {
			case !p.DeletionTimestamp.IsZero():
			case known && generation == p.Generation:
				confirmed++
			default:
				stale = stale || removes
			}
		}
		return !stale
	}, client.InNamespace(s.thread.Namespace), client.MatchingFields{indexThread: s.thread.Name})
	if err != nil {
		return fmt.Errorf("list ChatParticipants: %w", err)
	}
	if stale || confirmed != len(cached) {
		return errStaleCache()
	}
	return nil
}
