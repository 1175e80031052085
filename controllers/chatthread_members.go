// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/uninstall"
)

// ensureMembers adds, renews and removes members until they are as declared, as far as ACS allows.
// arePropertiesSet is set if ACS refused no change of the thread before.
func (r *ChatThreadReconciler) ensureMembers(ctx context.Context, s situation, arePropertiesSet bool) (situation, error) {
	todo := s.plan().Members
	s.results = plan.NewResults(s.declared())
	s.results.Record(todo)
	s.memory.members.Recall(todo, s.results)
	if s.origin != originCreated {
		s.memory.members.NoteListed(s.have.Members)
	}
	s.memory.noteRemovals(len(todo.Remove))
	err := r.verifyMembers(ctx, s, todo)
	wait := r.removalWait(s, todo.Remove)
	if wait != nil {
		todo.Remove = nil
	}
	if err == nil {
		todo.Remove, err = r.removable(ctx, s, todo.Remove)
	}
	if err == nil {
		err = r.changeMembers(ctx, s, todo)
	}
	if wait != nil && (err == nil || errors.Is(err, membership.ErrNoRoom)) {
		err = wait
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

// verifyMembers verifies the declaration before members change, and before status.renewing is cut.
// A member that was dropped from there by a stale declaration would come back without its history.
func (r *ChatThreadReconciler) verifyMembers(ctx context.Context, s situation, todo plan.Members) error {
	needsAll := len(todo.Remove)+len(todo.Renew)+len(s.thread.Status.Renewing) > 0
	if todo.IsEmpty() && !needsAll {
		return nil
	}
	if err := r.verifyLive(ctx, s, needsAll); err != nil || !needsAll {
		return err
	}
	membership.ForgetRenewed(&s.thread.Status, s.declared(), s.have.Members)
	return nil
}

// changeMembers makes the calls of a plan.
func (r *ChatThreadReconciler) changeMembers(ctx context.Context, s situation, todo plan.Members) error {
	calls := &membership.Calls{
		Thread: s.client(), Owner: s.owner(), Status: &s.thread.Status, Memory: &s.memory.members, Results: s.results,
		Store: func(ctx context.Context) error { return r.storeStatus(ctx, s) },
		Room:  func(wanted int) (int, error) { return s.session.Pacer.RoomForMembers(s.caller, s.threadID, wanted) },
	}
	err := calls.Do(ctx, todo)
	s.reportChanges(calls)
	return err
}

// reportChanges records one event for all added members and one for all removed members.
func (s situation) reportChanges(calls *membership.Calls) {
	if len(calls.Added) > 0 {
		countChange(membersAdded, s.causeOfMembers(), len(calls.Added))
		s.events.add(chatv1alpha1.EventMembersAdded, "Added %s: %s", outcome.Plural(len(calls.Added), "member"), firstOf(calls.Added))
	}
	if len(calls.Removed) > 0 {
		countChange(membersRemoved, s.causeOfMembers(), len(calls.Removed))
		s.events.add(chatv1alpha1.EventMembersRemoved, "Removed %s: %s", outcome.Plural(len(calls.Removed), "member"), firstOf(calls.Removed))
	}
}

// returnRenewed brings members back that are out for a renewal, before the thread is released. It
// reads the status from the API server: the cache may show that of before the removal. A refusal of
// single members does not hold up the release.
func (r *ChatThreadReconciler) returnRenewed(ctx context.Context, s situation) error {
	live := &chatv1alpha1.ChatThread{}
	if err := r.APIReader.Get(ctx, objects.KeyOf(s.thread), live); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get ChatThread: %w", err)
	}
	if live.UID != s.thread.UID || live.Status.ThreadID != s.threadID || len(live.Status.Renewing) == 0 {
		return nil
	}
	s.before.Status.Renewing = live.DeepCopy().Status.Renewing
	s.thread.Status.Renewing = live.Status.Renewing
	calls := &membership.Calls{Thread: s.client(), Status: &s.thread.Status}
	lost, err := calls.Release(ctx)
	s.reportChanges(calls)
	if len(lost) > 0 {
		s.events.warn(chatv1alpha1.ReasonParticipantRejected,
			"Thread %s is released without members that were removed for a change and could not be added again; add them at ACS: %s", s.threadID, firstOf(lost))
	}
	if acs.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// removalWait returns the wait before members are removed, or nil if there is none. A thread was
// found recently: a rebuilt cluster may apply the ChatThread before the ChatParticipants. Or the
// API server may not tell yet that the operator is being uninstalled.
func (r *ChatThreadReconciler) removalWait(s situation, remove []plan.ObservedMember) *outcome.Wait {
	if len(remove) == 0 {
		return nil
	}
	if grace := time.Until(s.memory.foundAt.Add(r.timing.foundGrace)); grace > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: grace,
			Message: "The thread was found with members that nothing declares; they are removed unless a ChatParticipant for them appears."}
	}
	if lag := r.uninstall.Lag(s.memory.removalSeen); lag > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: lag, Message: uninstall.LagMessage}
	}
	return nil
}

// removable returns the members that may be removed at all. Nobody is removed in two cases. The
// operator is being uninstalled: the API server then deletes all ChatParticipants. Or a thread is
// retained while its namespace is deleted together with the ChatParticipants.
func (r *ChatThreadReconciler) removable(ctx context.Context, s situation, remove []plan.ObservedMember) ([]plan.ObservedMember, error) {
	if len(remove) == 0 {
		return nil, nil
	}
	if uninstalled, err := r.uninstall.IsUninstalled(ctx, uninstall.Participants); err != nil || uninstalled {
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

// firstOf names the first users of a list.
func firstOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// maxNamed is the number of users that an event names.
const maxNamed = 5
