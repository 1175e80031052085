// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// ensureMembers adds, adds again and removes members until they are as declared, as far as ACS lets.
// arePropertiesSet says that ACS refused no change of the thread before.
func (r *ChatThreadReconciler) ensureMembers(ctx context.Context, s situation, arePropertiesSet bool) (situation, error) {
	todo := s.plan().Members
	// A member that is as declared, or has left, may have to be added again for the same reason one day.
	maps.DeleteFunc(s.memory.renewed, func(key, _ string) bool { return !todo.Differing[key] })
	s.results = plan.NewResults(s.declared())
	s.results.Record(todo)
	s.recordRefusals(todo)
	unwanted := len(todo.Remove)
	var err error
	if !todo.IsEmpty() {
		err = r.verifyLive(ctx, s, len(todo.Remove)+len(todo.Renew) > 0)
	}
	s.forgetRenewed(s.results.Declared)
	if err == nil {
		todo.Remove, err = r.removable(ctx, s, todo.Remove)
	}
	if err == nil {
		calls := &memberCalls{situation: s, results: s.results, store: func(ctx context.Context) error { return r.storeStatus(ctx, s) }}
		err = calls.do(ctx, todo)
		calls.report()
	}
	if grace := time.Until(s.memory.foundAt.Add(r.timing.foundGrace)); err == nil && unwanted > 0 && grace > 0 {
		err = &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: grace,
			Message: "The thread was found with members that nothing declares; they are removed unless a ChatParticipant for them appears."}
	}
	s.results.Count(&s.thread.Status)
	if acs.HasStatus(err, http.StatusForbidden) {
		return s, r.mayNotChange(s, err)
	}
	if s.membersDone = err == nil; s.membersDone && arePropertiesSet {
		s.memory.unchangeable.end()
	}
	return s, err
}

// recordRefusals takes over the members that ACS refused before and that are not tried again, and forgets the
// doubts about members that it lists.
func (s situation) recordRefusals(todo plan.Members) {
	for _, m := range todo.Skipped {
		s.results.Refused[m.Key()] = s.memory.refusals[m.Key()]
	}
	for _, m := range todo.Joined {
		if refusal := s.memory.kept[m.Key()]; refusal.IsFor(m) {
			s.results.Refused[m.Key()] = refusal
		}
	}
	for _, m := range s.have.Members {
		if s.origin != originCreated {
			delete(s.memory.added, m.Key())
		}
	}
}

// removable says which members may be removed now. Nobody is removed for a while from a thread that was found,
// as a rebuilt cluster may apply the ChatThread before the ChatParticipants; while the operator is uninstalled,
// with which the API server deletes all ChatParticipants; and from a retained thread while its namespace is
// deleted together with the ChatParticipants.
func (r *ChatThreadReconciler) removable(ctx context.Context, s situation, remove []plan.ObservedMember) ([]plan.ObservedMember, error) {
	if time.Since(s.memory.foundAt) < r.timing.foundGrace {
		return nil, nil
	}
	if len(remove) == 0 {
		return nil, nil
	}
	if uninstalled, err := r.isUninstalled(ctx, participantsCRD); err != nil || uninstalled {
		return nil, err
	}
	if s.thread.Deletion() != chatv1alpha1.DeletionRetain {
		return remove, nil
	}
	terminating, err := r.isTerminating(ctx, s.thread.Namespace)
	if err != nil || terminating {
		return nil, err
	}
	return remove, nil
}

// isTerminating asks the API server whether a namespace is being deleted.
func (r *ChatThreadReconciler) isTerminating(ctx context.Context, namespace string) (bool, error) {
	ns := &corev1.Namespace{}
	err := r.APIReader.Get(ctx, types.NamespacedName{Name: namespace}, ns)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("get Namespace: %w", err)
	}
	return !ns.DeletionTimestamp.IsZero(), nil
}
