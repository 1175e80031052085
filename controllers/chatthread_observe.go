// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// observe reads the thread and its members, if there is a thread.
func (r *ChatThreadReconciler) observe(ctx context.Context, s situation) (situation, error) {
	if s.threadID == "" {
		return s, nil
	}
	s, properties, err := r.readThread(ctx, s)
	switch {
	case acs.HasStatus(err, http.StatusNotFound):
		return s, r.targetMissing(ctx, s)
	case acs.HasStatus(err, http.StatusForbidden):
		return s, r.accessLost(s)
	case err != nil:
		return s, outcome.CallFailed("read the thread", err)
	case properties.DeletedOn != nil && s.isFound():
		return s, r.foundThreadGone(ctx, s)
	case properties.DeletedOn != nil:
		return s, r.recreateOrStall(ctx, s)
	}
	s.memory.clearMissing()
	if !s.isFound() {
		s.memory.listedBefore = nil
	}
	if s.previousUID, err = r.checkOwner(ctx, s, properties); err != nil {
		return s, s.correctStamp(properties, err)
	}
	members, err := membership.List(ctx, s.client())
	if acs.HasStatus(err, http.StatusForbidden) {
		return s, r.accessLost(s)
	}
	if err != nil {
		return s, outcome.CallFailed("list the members", err)
	}
	s.memory.inaccessible.end()
	s.have = plan.Observe(properties, members, s.thread)
	return s, nil
}

// correctStamp notes the stamp of a thread that was found and no longer carries the name of this
// ChatThread, and searches again: the directory has an old stamp. Otherwise it returns the error.
func (s situation) correctStamp(properties acs.ThreadProperties, err error) error {
	stamp := directory.StampOf(properties)
	if !s.isFound() || s.thread.Adopts() || stamp.Owner == s.owner() || stamp.UID == string(s.thread.UID) {
		return err
	}
	s.session.Directory.Put(stamp)
	return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, Message: searchingMessage, After: time.Second}
}

// readThread reads the thread as the service user that acts for it. If none was chosen yet, the
// first one with access acts from now on.
func (r *ChatThreadReconciler) readThread(ctx context.Context, s situation) (situation, acs.ThreadProperties, error) {
	if err := s.session.Enter(ctx); err != nil {
		return s, acs.ThreadProperties{}, err
	}
	var err error
	for _, id := range s.actors() {
		s.user, err = r.Sessions.User(s.session, id)
		if err != nil {
			return s, acs.ThreadProperties{}, err
		}
		var answer acs.GetThreadPropertiesResponse
		answer, err = s.client().GetProperties(ctx, nil)
		if !acs.HasStatus(err, http.StatusForbidden) {
			return s, answer.ThreadProperties, err
		}
	}
	return s, acs.ThreadProperties{}, err
}

// actors returns the service users that may act for the thread, in the order in which they are
// tried.
func (s situation) actors() []string {
	if id, ok := s.assignedUser(); ok {
		return []string{id}
	}
	var first connection.UserIDs
	if s.users.Contains(s.memory.actor) {
		first = append(first, s.memory.actor)
	}
	for _, found := range s.session.Directory.Find(s.owner(), s.users) {
		if found.ID == s.threadID {
			first = append(first, found.CreatedBy)
		}
	}
	return first.With(s.users...)
}
