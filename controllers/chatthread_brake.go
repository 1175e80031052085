// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// checkMaxDeletions holds the deletion of a thread at ACS while spec.maxDeletions of the connection
// allows no more.
func (r *ChatThreadReconciler) checkMaxDeletions(ctx context.Context, s situation) error {
	limit := s.conn.Spec.MaxDeletions
	if limit == nil {
		return nil
	}
	if !s.session.BrakeIsSet() {
		left, err := r.unfinishedDeletions(ctx, s)
		if err != nil {
			return err
		}
		s.session.SetBrake(left > int(limit.Count), r.workingSince(s.thread.Namespace))
	}
	if s.session.MayDelete(s.thread.UID, time.Now(), limit, s.isDeletionConfirmed()) {
		return nil
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonDeleting, Message: fmt.Sprintf(
		"ChatConnection %s lets %s be deleted within %s (spec.maxDeletions); this one waits. To let all go that are being deleted now, set the annotation %s of the ChatConnection to a new value.",
		connectionKey(s.thread), outcome.Plural(int(limit.Count), "thread"), connection.BrakePeriod(limit), chatv1alpha1.AnnotationConfirmDeletions)}
}

// unfinishedDeletions counts the threads of the connection whose deletion an earlier process did
// not finish. The API server stores whole seconds, so a deletion in the second of the start counts
// too: more threads wait for a confirmation, and none is deleted beyond the limit.
func (r *ChatThreadReconciler) unfinishedDeletions(ctx context.Context, s situation) (int, error) {
	threads := &chatv1alpha1.ChatThreadList{}
	if err := r.List(ctx, threads, client.MatchingFields{indexConnection: connectionKey(s.thread).String()}, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list ChatThreads: %w", err)
	}
	left := 0
	for i := range threads.Items {
		if deleted := threads.Items[i].DeletionTimestamp; deleted != nil && deleted.Time.Before(r.workingSince(threads.Items[i].Namespace)) {
			left++
		}
	}
	return left, nil
}

// isDeletionConfirmed reports whether somebody confirmed deletions after this one was requested.
func (s situation) isDeletionConfirmed() bool {
	confirmed := s.conn.Status.DeletionsConfirmedAt
	return confirmed != nil && !confirmed.Time.Before(s.thread.DeletionTimestamp.Time)
}
