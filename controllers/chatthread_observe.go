// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const (
	// membersPageSize is how many members are asked for in one page: all of them.
	membersPageSize = chatv1alpha1.MaxMembers
)

// observe reads the thread and its members, if there is a thread.
func (r *ChatThreadReconciler) observe(ctx context.Context, s *threadScope) error {
	if s.threadID == "" {
		return nil
	}
	properties, err := r.readThread(ctx, s)
	switch {
	case acs.HasStatus(err, http.StatusNotFound):
		return r.missing(ctx, s)
	case acs.HasStatus(err, http.StatusForbidden):
		return r.accessLost(s)
	case err != nil:
		return outcome.CallFailed("read the thread", err)
	case properties.DeletedOn != nil && s.taking:
		return notThere(s)
	case properties.DeletedOn != nil:
		return r.gone(ctx, s)
	}
	s.memory.found()
	if !s.taking {
		s.memory.listedBefore = nil
	}
	if err := r.checkOwner(ctx, s, properties); err != nil {
		return err
	}
	members, err := listMembers(ctx, s.client())
	if acs.HasStatus(err, http.StatusForbidden) {
		return r.accessLost(s)
	}
	if err != nil {
		return outcome.CallFailed("list the members", err)
	}
	s.memory.shut.end()
	s.remote = &remoteThread{properties: properties, members: plan.ObserveMembers(members, s.owner(), !s.thread.Adopts())}
	return nil
}

// readThread reads the thread by the service user that acts for it. Where none was chosen yet, the
// first that is not shut out acts from now on.
func (r *ChatThreadReconciler) readThread(ctx context.Context, s *threadScope) (acs.ThreadProperties, error) {
	var err error
	for _, id := range s.actors() {
		s.user, err = r.Sessions.User(s.session, id)
		if err != nil {
			return acs.ThreadProperties{}, err
		}
		var answer acs.GetThreadPropertiesResponse
		answer, err = s.client().GetProperties(ctx, nil)
		if !acs.HasStatus(err, http.StatusForbidden) {
			return answer.ThreadProperties, err
		}
	}
	return acs.ThreadProperties{}, err
}

// actors are the service users that may act for the thread, in the order in which they are tried.
func (s *threadScope) actors() []string {
	if id, ok := s.assignedUser(); ok {
		return []string{id}
	}
	first := []string{}
	if connection.ContainsUser(s.known, s.memory.actor) {
		first = append(first, s.memory.actor)
	}
	for _, found := range s.session.Directory.Find(s.owner(), s.known) {
		if found.ID == s.threadID {
			first = append(first, found.CreatedBy)
		}
	}
	return connection.MergeUsers(first, s.known)
}

func listMembers(ctx context.Context, thread *acs.ThreadClient) ([]acs.Participant, error) {
	var members []acs.Participant
	pager := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: membersPageSize})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		members = append(members, page.Participants...)
	}
	return members, nil
}

// plan ends the pass where the operator only observes: the message says what it would do.
func (r *ChatThreadReconciler) plan(ctx context.Context, s *threadScope) error {
	if !s.thread.Observes() {
		return nil
	}
	if s.remote == nil {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: fmt.Sprintf("would create the thread with %s", participantCount(s))}
	}
	// With a finalizer, as from a backup, the thread would count as one that carried our stamp before.
	if s.taking && s.remote.properties.Metadata[chatv1alpha1.StampUID] != string(s.thread.UID) {
		if err := objects.RemoveFinalizer(ctx, r.Client, s.thread); err != nil {
			return err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	r.allocate(s)
	if !objects.HasFinalizer(s.thread) {
		// Nobody acts for it yet. Once it is managed, a crash before it carries our stamp must not make it
		// look like one that carried it before and was taken by another.
		s.thread.Status.ServiceUser = ""
	}
	// It may be let go at any time, and the next resource of the name must find it.
	s.session.Directory.Put(directory.StampOf(s.remote.properties))
	changes := propertyChanges(s, false)
	parts := make([]string, 0, 6)
	for _, field := range changes.fields() {
		parts = append(parts, "set "+field)
	}
	members := s.planMembers()
	for _, part := range []struct {
		verb  string
		count int
	}{{"add", len(members.Add)}, {"add again", len(members.Renew)}, {"remove", len(members.Remove)}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", part.verb, part.count))
		}
	}
	s.results = newMemberResults(plan.DeclareMembers(s.thread, s.participants))
	s.results.record(members)
	s.results.count(s.thread)
	if len(parts) > 0 {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: "would " + strings.Join(parts, ", ")}
	}
	return errObserved
}

func participantCount(s *threadScope) string {
	declared, _ := plan.DeclareMembers(s.thread, s.participants)
	return countOf(len(declared), "participant")
}

// allocate takes over into status what identifies the thread.
func (r *ChatThreadReconciler) allocate(s *threadScope) {
	s.memory.threadID, s.memory.actor = s.threadID, s.user.ID
	s.thread.Status.ThreadID = s.threadID
	s.thread.Status.ServiceUser = s.user.ID
	s.thread.Status.UID = string(s.thread.UID)
	s.thread.Status.CreatedOn = statusTime(s.remote.properties.CreatedOn)
	s.session.Assign(s.thread.UID, s.user.ID)
}

// serviceUsers are the users that are never in the difference of members, by key.
func (s *threadScope) serviceUsers() map[string]bool {
	users := make(map[string]bool, len(s.known))
	for _, id := range s.known {
		users[acs.UserKey(id)] = true
	}
	return users
}

// isUnauthorized says whether ACS refused the credential, in the call itself or when a token was to
// be issued for it.
func isUnauthorized(err error) bool { return acs.HasStatus(err, http.StatusUnauthorized) }

func joinKeys(values map[string]sentValue) string {
	return strings.Join(slices.Sorted(maps.Keys(values)), ", ")
}

// repeatabilityID is the id under which ACS makes one thread however often the create is sent. It is
// known before any crash: the API server stored the uid before the first pass.
func repeatabilityID(uid types.UID, incarnation int64) string {
	if incarnation == 0 {
		return string(uid)
	}
	return incarnationID(uid, incarnation)
}
