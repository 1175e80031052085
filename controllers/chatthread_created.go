// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// createdSkew is how much older a new thread may be than the answer to its create.
const createdSkew = 2 * time.Minute

// implausible returns the reason why the answer to a create cannot be the requested thread; empty
// if it can.
func (r *ChatThreadReconciler) implausible(ctx context.Context, s situation, made madeThread) (string, error) {
	owner, uid := made.thread.Metadata[chatv1alpha1.StampOwner], made.thread.Metadata[chatv1alpha1.StampUID]
	switch {
	case made.thread.DeletedOn != nil:
		return "which was deleted", nil
	case s.memory.create.isFormer(made.thread.ID):
		return "which this resource had before", nil
	case owner != s.owner() && uid != "" && uid != string(s.thread.UID):
		return "which belongs to ChatThread " + outcome.Sanitize(owner, outcome.MaxMessage), nil
	// A replay returns a thread that is as old as the first try.
	case !made.again && !made.asked.IsZero() && made.thread.CreatedOn.Before(made.asked.Add(-createdSkew)):
		return "which was created before it was asked for", nil
	}
	claimed, err := r.isClaimed(ctx, s, made.thread.ID)
	if err != nil || !claimed {
		return "", err
	}
	return "which another ChatThread has", nil
}

// created copies a new thread into status. If ACS accepted the first try as sent, nothing needs to
// be read. Otherwise thread and members are read before the operator reports on them.
func (r *ChatThreadReconciler) created(ctx context.Context, s situation, made madeThread, sent []plan.Member) (situation, error) {
	s.target = target{threadID: made.thread.ID, origin: originCreated, user: s.user}
	s.memory.threadID = s.threadID
	s.memory.create.replayed = false
	s.session.Directory.Put(directory.Stamp{ID: made.thread.ID, Owner: s.owner(), UID: string(s.thread.UID), CreatedBy: s.user.ID, CreatedOn: made.thread.CreatedOn})
	declared := s.declared()
	unmatched := membership.UnmatchedRefusal(sent, made.refused)
	asSent := !made.again && unmatched == nil && made.thread.Topic == declared.Topic && containsAll(made.thread.Metadata, declared.WantedMetadata())
	if asSent {
		// The answer need not repeat the retention policy.
		made.thread.RetentionPolicy = declared.Retention
	}
	s.have = &plan.Observed{Properties: made.thread, Members: s.membersAfterCreate(sent, made.refused)}
	s.allocate()
	countChange(threadCreated, s.causeOfCreate(), 1)
	s.events.add(chatv1alpha1.EventCreated, "Created thread %s with %s", s.threadID, outcome.Plural(max(len(sent)-len(made.refused), 0), "participant"))
	if asSent && s.plan().Members.IsEmpty() {
		return s, nil
	}
	// The id must not be lost during the next calls.
	unfinished := &outcome.Wait{Reason: chatv1alpha1.ReasonCreating, Message: "The thread was created; its members are being added."}
	if err := r.store(ctx, s, outcome.Classify(unfinished)); err != nil || asSent {
		return s, err
	}
	s.have = nil
	s, err := r.observe(ctx, s)
	if err != nil || unmatched == nil {
		return s, err
	}
	s.refuseMissing(sent, *unmatched)
	return s, nil
}

func containsAll(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

// refuseMissing counts the sent members as refused that are not in the thread.
func (s situation) refuseMissing(sent []plan.Member, answer acs.InvalidParticipant) {
	isMember := make(map[string]bool, len(s.have.Members))
	for _, m := range s.have.Members {
		isMember[m.Key()] = true
	}
	for _, m := range sent {
		if !s.memory.members.Refused[m.Key()].IsFor(m) && !isMember[m.Key()] {
			s.memory.members.NoteRefused(m, answer.Code, answer.Message)
		}
	}
}

// membersAfterCreate returns the members of a new thread: those that were sent and not refused, and
// the service user.
func (s situation) membersAfterCreate(sent []plan.Member, refused []acs.InvalidParticipant) []plan.ObservedMember {
	answers := membership.RefusalsByUser(refused)
	members := []plan.ObservedMember{{ID: s.user.ID, DisplayName: s.displayName()}}
	var created []plan.Member
	for _, m := range sent {
		if answer, bad := answers[m.Key()]; bad {
			s.memory.members.NoteRefused(m, answer.Code, answer.Message)
			continue
		}
		members = append(members, plan.ObservedMember{ID: string(m.UserID), DisplayName: m.DisplayName, Stamp: m.Stamp()})
		created = append(created, m)
	}
	s.memory.members.NoteCreated(created)
	return members
}
