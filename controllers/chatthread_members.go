// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const (
	// maxAddedUnseen is how often ACS is believed that it added a member that no list shows.
	maxAddedUnseen = 2
	// maxAddCalls bounds how many calls of a pass look for malformed ids.
	maxAddCalls = 10
	// maxNamed is how many users an event names.
	maxNamed = 5
)

// planMembers compares what is declared with what ACS holds. What ACS refused is left out until
// something changed or a resync is due.
func (s *threadScope) planMembers() plan.MembersPlan {
	declared, _ := plan.DeclareMembers(s.thread, s.participants)
	protected := make(map[string]bool, len(s.arriving))
	for i := range s.arriving {
		protected[acs.UserKey(string(s.arriving[i].Spec.UserID))] = true
	}
	differs := map[string]bool{}
	todo := plan.PlanMembers(plan.MembersInput{
		Protected:    protected,
		Declared:     declared,
		Observed:     s.remote.members,
		ServiceUsers: s.serviceUsers(),
		Policy:       s.thread.Membership(),
		Skip: func(m plan.DeclaredMember) bool {
			_, refused := s.memory.refused(m)
			return refused
		},
		Renew: func(m plan.DeclaredMember, observed plan.ObservedMember) bool {
			differs[m.Key()] = true
			return s.memory.renewed[m.Key()] != renewalMark(m, observed)
		},
	})
	// Whoever is as declared, or left, may have to be added again for the same reason one day.
	maps.DeleteFunc(s.memory.renewed, func(key, _ string) bool { return !differs[key] })
	return todo
}

// renewalMark says what a member was added again for. The same is not done twice: a service that
// keeps another value than it was sent would be asked for ever.
func renewalMark(m plan.DeclaredMember, observed plan.ObservedMember) string {
	if observed.Stamp == "" {
		return "generation " + strconv.FormatInt(m.Generation, 10)
	}
	return m.Stamp() + " for " + observed.Stamp
}

// keepMembers adds, adds again and removes members until they are as declared, as far as ACS lets.
func (r *ChatThreadReconciler) keepMembers(ctx context.Context, s *threadScope) error {
	todo := s.planMembers()
	s.results = newMemberResults(plan.DeclareMembers(s.thread, s.participants))
	s.results.record(todo)
	s.recordRefusals(todo)
	unwanted := len(todo.Remove)
	var err error
	if !todo.IsEmpty() {
		err = r.checkDeclared(ctx, s, len(todo.Remove)+len(todo.Renew) > 0)
	}
	s.forgetRenewed(s.results.declared)
	if err == nil {
		todo.Remove, err = r.removable(ctx, s, todo.Remove)
	}
	if err == nil {
		work := &memberWork{threadScope: s, store: func(ctx context.Context) error { return r.storeStatus(ctx, s) }}
		err = work.do(ctx, todo)
		work.tell()
	}
	if grace := time.Until(s.memory.foundAt.Add(r.timing.foundGrace)); err == nil && unwanted > 0 && grace > 0 {
		err = &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: grace,
			Message: "The thread was found with members that nothing declares; they are removed unless a ChatParticipant for them appears."}
	}
	s.results.count(s.thread)
	if acs.HasStatus(err, http.StatusForbidden) {
		return r.mayNotChange(s, err)
	}
	if s.membersDone = err == nil; s.membersDone && s.refusedChange == nil {
		s.memory.unchangeable.end()
	}
	return err
}

// recordRefusals takes over what ACS refused before and is not asked for again, and forgets doubts of those
// that it lists.
func (s *threadScope) recordRefusals(todo plan.MembersPlan) {
	for _, m := range todo.Skipped {
		refusal, _ := s.memory.refused(m)
		s.results.refused[m.Key()] = refusal
	}
	for _, m := range todo.Joined {
		if refusal, ok := s.memory.kept[m.Key()]; ok && refusal.participant == m.Participant && refusal.generation == m.Generation {
			s.results.refused[m.Key()] = refusal
		}
	}
	for _, m := range s.remote.members {
		if !s.made {
			delete(s.memory.added, m.Key())
		}
	}
}

// storeStatus stores what status says so far; the conditions stay.
func (r *ChatThreadReconciler) storeStatus(ctx context.Context, s *threadScope) error {
	if err := objects.PatchStatus(ctx, r.Client, s.before, s.thread); err != nil {
		return err
	}
	s.before = s.thread.DeepCopy()
	return nil
}

// checkDeclared asks the API server, before anybody is put in or taken out, whether what the cache holds
// is what is declared: a process that starts from an older list would remove those who were added just
// before, and bring back those who were removed.
//
// takesOut says that somebody is to be taken out. Who is only put in need not wait for others to arrive.
func (r *ChatThreadReconciler) checkDeclared(ctx context.Context, s *threadScope, takesOut bool) error {
	if err := r.readAgain(ctx, s); err != nil {
		return err
	}
	cached := make(map[types.UID]int64, len(s.participants)+len(s.arriving))
	for _, p := range slices.Concat(s.participants, s.arriving) {
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
				stale = stale || takesOut
			}
		}
		return !stale
	}, client.InNamespace(s.thread.Namespace), client.MatchingFields{indexThread: s.thread.Name})
	if err != nil {
		return fmt.Errorf("list ChatParticipants: %w", err)
	}
	if stale || confirmed != len(cached) {
		return staleCache()
	}
	return nil
}

// removable leaves members alone for a while in a thread that was found, as a rebuilt cluster may apply
// the ChatThread before the ChatParticipants; while the operator is uninstalled, with which the API server
// deletes all ChatParticipants; and those of a retained thread while their namespace goes away with the
// ChatParticipants that declare them.
func (r *ChatThreadReconciler) removable(ctx context.Context, s *threadScope, remove []plan.ObservedMember) ([]plan.ObservedMember, error) {
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

// isTerminating asks the API server whether a namespace is on its way out.
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
