// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// ensureProperties changes topic, metadata and retention, and with them the stamp. refused is the
// error for values that ACS does not take; err ends the reconcile.
func (r *ChatThreadReconciler) ensureProperties(ctx context.Context, s situation, isHeld bool) (end situation, refused, err error) {
	isTakenOver := s.isTakenOver(isHeld)
	if isTakenOver {
		s.memory.noteFound(s.threadID)
	} else {
		s.allocate()
	}
	stamp := directory.StampOf(s.have.Properties)
	stamp.ID, stamp.Owner, stamp.UID = s.threadID, s.owner(), string(s.thread.UID)
	s.session.Directory.Put(stamp)
	sent, refused, err := r.sendProperties(ctx, s, plan.ForProperties(s.declared(), s.have, s.memory.tried()))
	if err == nil && isTakenOver && !sent.IsStamped(s.declared(), s.have.Properties.Metadata) {
		err = refused
	}
	if err != nil {
		return s, nil, err
	}
	// A thread that was found is stored in status only after it carries the stamp.
	if s.isFound() {
		s.origin = originStored
	}
	s.allocate()
	shown := sent
	if isTakenOver {
		countChange(threadAdopted, causeSpec, 1)
		s.reportTakeOver()
		shown = sent.WithoutStamp()
	}
	if fields := shown.Fields(); len(fields) > 0 {
		countChange(threadUpdated, s.cause(), 1)
		s.events.add(chatv1alpha1.EventUpdated, "Set %s of thread %s", strings.Join(fields, ", "), s.threadID)
	}
	if len(sent.Fields()) > 0 {
		s.have, err = s.readBack(ctx, sent)
	}
	return s, refused, err
}

// isTakenOver reports whether this reconcile makes the thread its own: a thread that was found, or
// one that was only observed so far. If somebody removed the finalizer (not isHeld), the thread
// belonged to this ChatThread before.
func (s situation) isTakenOver(isHeld bool) bool {
	return s.origin != originCreated && (s.isFound() || !isHeld && s.before.Status.ServiceUser == "")
}

// sendProperties changes all differences in one call. If ACS refuses the call, each part is sent
// alone, so that only the refused part is omitted. It returns the changes that were made and the
// error for the first refusal.
func (r *ChatThreadReconciler) sendProperties(ctx context.Context, s situation, changes plan.Properties) (sent plan.Properties, refused, err error) {
	changes, refused = s.withoutRefused(changes)
	parts := changes.Parts()
	if len(parts) == 0 {
		return plan.Properties{}, refused, nil
	}
	err = s.updateProperties(ctx, changes)
	switch {
	case err == nil:
		if refused == nil {
			s.memory.unchangeable.end()
		}
		return changes, refused, nil
	case acs.HasStatus(err, http.StatusForbidden):
		return plan.Properties{}, r.mayNotChange(s, err), nil
	case !isRefusedValue(err):
		return plan.Properties{}, refused, err
	}
	for _, part := range parts {
		if len(parts) > 1 {
			err = s.updateProperties(ctx, part)
		}
		switch {
		case err == nil:
			sent = sent.And(part)
		case isRefusedValue(err):
			s.memory.notePartRefused(part, err)
			refused = cmp.Or(refused, err)
		default:
			return sent, refused, err
		}
	}
	return sent, refused, nil
}

// isRefusedValue reports whether ACS does not take the values of a call.
func isRefusedValue(err error) bool {
	return outcome.Classify(err).Reason == chatv1alpha1.ReasonInvalidRequest
}

func (s situation) updateProperties(ctx context.Context, changes plan.Properties) error {
	_, err := s.client().UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{
		Topic: changes.Topic, Metadata: changes.Metadata, RetentionPolicy: changes.Retention,
	})
	return outcome.CallFailed("set "+strings.Join(changes.Fields(), ", "), err)
}

// withoutRefused omits the changes that ACS refused before and that are not retried yet, and
// metadata for which the thread has no room.
func (s situation) withoutRefused(changes plan.Properties) (rest plan.Properties, refused error) {
	for _, part := range changes.Parts() {
		err := s.memory.refusedParts[part.ID()]
		if err == nil {
			err = part.CheckFits(s.have.Properties.Metadata)
		}
		if err != nil {
			refused = cmp.Or(refused, err)
			continue
		}
		rest = rest.And(part)
	}
	return rest, refused
}

// readBack notes the form in which ACS stored the sent values.
func (s situation) readBack(ctx context.Context, sent plan.Properties) (*plan.Observed, error) {
	answer, err := s.client().GetProperties(ctx, nil)
	if err != nil {
		return s.have, outcome.CallFailed("read the thread", err)
	}
	s.memory.noteSent(sent.Sent(answer.ThreadProperties))
	return &plan.Observed{Properties: answer.ThreadProperties, Members: s.have.Members}, nil
}

// reportTakeOver reports the thread that the ChatThread has from now on. It is a single event: of
// several events with the same reason Kubernetes keeps one note.
func (s situation) reportTakeOver() {
	event := objects.Event{Warning: s.previousUID != "" || len(s.others) > 0, Reason: chatv1alpha1.EventFound}
	if s.thread.Adopts() {
		event.Reason = chatv1alpha1.EventAdopted
	}
	switch {
	case s.previousUID != "":
		event.Note = fmt.Sprintf("Found thread %s, created for a previous ChatThread of this name (uid %s)", s.threadID, s.previousUID)
	case s.thread.Adopts():
		event.Note = "Adopted thread " + s.threadID
	default:
		event.Note = fmt.Sprintf("Found thread %s, created for this ChatThread before", s.threadID)
	}
	if len(s.others) > 0 {
		event.Note += ". It is the oldest with the stamp of this ChatThread; not touched: " + firstOf(s.others)
	}
	s.events.addEvent(event)
}
