// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// memberResults is how each declared member of a thread fared.
type memberResults struct {
	declared, duplicates []plan.DeclaredMember
	joined               map[string]bool
	refused              map[string]refusedMember
}

func newMemberResults(declared, duplicates []plan.DeclaredMember) memberResults {
	return memberResults{declared: declared, duplicates: duplicates, joined: map[string]bool{}, refused: map[string]refusedMember{}}
}

// record takes over what needs no call.
func (r *memberResults) record(todo plan.MembersPlan) {
	for _, m := range todo.Joined {
		r.joined[m.Key()] = true
	}
	for _, renewal := range todo.Renew {
		r.joined[renewal.Declared.Key()] = true
	}
	for _, m := range todo.Absent {
		r.refused[m.Key()] = refusedMember{reason: chatv1alpha1.ReasonRejected,
			message: "this is a service user of the connection, which the operator does not add: take it out of the declaration"}
	}
	for _, m := range todo.Surplus {
		r.refused[m.Key()] = refusedMember{reason: chatv1alpha1.ReasonTooManyParticipants,
			message: fmt.Sprintf("the thread is full: ACS allows %d members, the service user included", chatv1alpha1.MaxMembers)}
	}
}

// count writes the counts, and the inline participants that were refused, to status.
func (r *memberResults) count(thread *chatv1alpha1.ChatThread) {
	counts := &chatv1alpha1.ParticipantCounts{
		Desired:  int32(len(r.declared)), //nolint:gosec // bounded by the API server's object size
		Joined:   int32(len(r.joined)),   //nolint:gosec // as above
		Rejected: int32(len(r.refused)),  //nolint:gosec // as above
	}
	thread.Status.Participants = counts
	thread.Status.Joined = fmt.Sprintf("%d/%d", counts.Joined, counts.Desired)
	thread.Status.Rejected = nil
	for _, rejected := range r.rejectedInline() {
		if len(thread.Status.Rejected) == chatv1alpha1.MaxRejectedShown {
			break
		}
		thread.Status.Rejected = append(thread.Status.Rejected, rejected)
	}
}

// rejectedInline are the inline participants that are not in the thread, in the order of the spec.
func (r *memberResults) rejectedInline() []chatv1alpha1.RejectedParticipant {
	var rejected []chatv1alpha1.RejectedParticipant
	for _, m := range r.declared {
		if refusal, bad := r.refused[m.Key()]; bad && m.IsInline() {
			rejected = append(rejected, chatv1alpha1.RejectedParticipant{UserID: string(m.UserID),
				Code: outcome.Sanitize(cmp.Or(refusal.reason, refusal.code), outcome.MaxCode), Message: outcome.Sanitize(refusal.message, outcome.MaxMessage) + refusal.suffix()})
		}
	}
	for _, m := range r.duplicates {
		if m.IsInline() {
			rejected = append(rejected, chatv1alpha1.RejectedParticipant{UserID: string(m.UserID),
				Code: chatv1alpha1.ReasonDuplicate, Message: "spec.participants names this user twice; ids are compared without regard to case"})
		}
	}
	return rejected
}

// verdict is the end of a pass that did all it could: ParticipantRejected where inline participants
// are not in the thread. ChatParticipants answer for themselves.
func (r *memberResults) verdict() error {
	rejected := r.rejectedInline()
	if len(rejected) == 0 {
		return nil
	}
	const shown = 3
	names := make([]string, 0, shown+1)
	for _, p := range rejected[:min(shown, len(rejected))] {
		names = append(names, fmt.Sprintf("%s (%s)", p.UserID, strings.TrimSuffix(strings.TrimSpace(p.Code+" "+p.Message), ".")))
	}
	if more := len(rejected) - shown; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	if !slices.ContainsFunc(rejected, func(p chatv1alpha1.RejectedParticipant) bool { return p.Code != chatv1alpha1.ReasonTooManyParticipants }) {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonParticipantRejected,
			Message: fmt.Sprintf("The thread is full: ACS allows %d members, the service user included. Without a place are %s. Take others out; with membershipPolicy Exclusive the operator removes those that nobody declares.",
				chatv1alpha1.MaxMembers, strings.Join(names, ", "))}
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonParticipantRejected,
		Message: fmt.Sprintf("Not in the thread as declared, though all others are: %s. Correct or remove them in spec.participants.", strings.Join(names, ", "))}
}

// suffix says that a refused user is in the thread all the same.
func (r refusedMember) suffix() string {
	if r.kept {
		return " (still in the thread as declared before)"
	}
	return ""
}

// readyMessage says what is true of a thread that is as declared.
func (s *threadScope) readyMessage() string {
	message := fmt.Sprintf("The thread is as declared; %s participants are in it.", s.thread.Status.Joined)
	if len(s.memory.sent) > 0 {
		message += " ACS holds a different form of what was sent for " + joinKeys(s.memory.sent) + "."
	}
	return message
}

// publish tells the ChatParticipants how they fared.
func (r *ChatThreadReconciler) publish(s *threadScope, o outcome.Outcome) {
	// What the thread said of the service before holds for ChatParticipants that came since.
	news := !o.Quiet || o.Reason == chatv1alpha1.ReasonServiceUnavailable && s.saysUnavailable()
	if !news || !s.thread.DeletionTimestamp.IsZero() {
		return
	}
	unknown := rosterEntry{state: rosterWaiting, threadID: s.thread.Status.ThreadID, reason: chatv1alpha1.ReasonThreadNotReady,
		message: fmt.Sprintf("ChatThread %s is not ready (%s).", s.thread.Name, o.Reason)}
	switch o.Reason {
	case chatv1alpha1.ReasonAccessLost, chatv1alpha1.ReasonCredentialsLost, chatv1alpha1.ReasonNamespaceNotAllowed:
		unknown.state = rosterShut
	case chatv1alpha1.ReasonThreadGone, chatv1alpha1.ReasonOwnedByAnother:
		unknown.state = rosterClosed
	}
	if s.thread.Observes() {
		unknown.state = rosterClosed
		unknown.message = fmt.Sprintf("ChatThread %s only observes (managementPolicy Observe) and adds nobody.", s.thread.Name)
	}
	lines := make([]rosterLine, 0, len(s.participants)+len(s.leaving))
	add := func(p *chatv1alpha1.ChatParticipant, entry rosterEntry) {
		entry.generation = p.Generation
		lines = append(lines, rosterLine{key: objects.KeyOf(p), uid: p.UID, rosterEntry: entry})
	}
	duplicates := map[string]bool{}
	for _, m := range s.results.duplicates {
		duplicates[string(m.Participant)] = true
	}
	for i := range s.participants {
		p := &s.participants[i]
		add(p, s.results.entry(p, duplicates[string(p.UID)], unknown))
	}
	for i := range s.leaving {
		entry := unknown
		if s.membersDone {
			entry.state = rosterReleased
		}
		add(&s.leaving[i], entry)
	}
	r.roster.publish(s.thread.UID, lines)
}

// entry is what the results say of one ChatParticipant; unknown where they say nothing.
func (r *memberResults) entry(p *chatv1alpha1.ChatParticipant, duplicate bool, unknown rosterEntry) rosterEntry {
	refused := rosterEntry{state: rosterRefused, threadID: unknown.threadID}
	key := acs.UserKey(string(p.Spec.UserID))
	refusal, isRefused := r.refused[key]
	switch {
	case duplicate:
		refused.reason = chatv1alpha1.ReasonDuplicate
		refused.message = "The same user is declared elsewhere for this thread: inline, or by an older ChatParticipant."
		return refused
	case r.joined[key] && !isRefused:
		return rosterEntry{state: rosterJoined, threadID: unknown.threadID}
	case isRefused && refusal.reason != "":
		refused.reason = refusal.reason
		refused.message = strings.ToUpper(refusal.message[:1]) + refusal.message[1:] + "."
		return refused
	case isRefused:
		refused.reason = chatv1alpha1.ReasonRejected
		refused.message = fmt.Sprintf("ACS refused the user (%s)%s.", strings.TrimSuffix(strings.TrimSpace(outcome.Sanitize(refusal.code, outcome.MaxCode)+" "+outcome.Sanitize(refusal.message, outcome.MaxMessage)), "."), refusal.suffix())
		return refused
	default:
		return unknown
	}
}
