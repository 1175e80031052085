// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Refusal is the reason why a declared user is not in the thread.
type Refusal struct {
	Participant types.UID
	Generation  int64
	// Reason is set if the operator itself refuses. Otherwise Code and Message come from ACS, in any
	// length.
	Reason, Code, Message string
	// Kept is set if the user is still in the thread, as declared before.
	Kept bool
}

// IsFor reports whether ACS refused this very declaration of a member, so that it need not be tried
// again.
func (r Refusal) IsFor(m Member) bool {
	return r != Refusal{} && r.Participant == m.Participant && r.Generation == m.Generation
}

// suffix adds to a message that a refused user is still in the thread.
func (r Refusal) suffix() string {
	if r.Kept {
		return " (still in the thread as declared before)"
	}
	return ""
}

// Text returns the answer of ACS on the user, for a message, or the operator's own reason.
func (r Refusal) Text() string {
	if r.Reason != "" {
		return r.Message
	}
	said := outcome.Sanitize(r.Code, outcome.MaxCode) + " " + outcome.Sanitize(r.Message, outcome.MaxMessage)
	return fmt.Sprintf("ACS refused the user (%s)%s.", strings.TrimSuffix(strings.TrimSpace(said), "."), r.suffix())
}

// Results hold for each declared member whether it is in the thread.
type Results struct {
	Declared, Duplicates []Member
	// Joined and Refused are by user key. A member may be in neither.
	Joined  map[string]bool
	Refused map[string]Refusal
}

// NewResults returns the results before anything is known.
func NewResults(d Declared) Results {
	return Results{Declared: d.Members, Duplicates: d.Duplicates, Joined: map[string]bool{}, Refused: map[string]Refusal{}}
}

// Record adds the results that a plan contains without a call.
func (r *Results) Record(members Members) {
	for _, m := range members.Joined {
		r.Joined[m.Key()] = true
	}
	for _, renewal := range members.Renew {
		r.Joined[renewal.Declared.Key()] = true
	}
	for _, m := range members.Absent {
		r.Refused[m.Key()] = Refusal{Reason: chatv1alpha1.ReasonRejected,
			Message: "This is a service user of the connection, which the operator does not add: take it out of the declaration."}
	}
	for _, m := range members.Surplus {
		r.Refused[m.Key()] = Refusal{Reason: chatv1alpha1.ReasonTooManyParticipants,
			Message: fmt.Sprintf("The thread is full: ACS allows %d members, the service user included.", chatv1alpha1.MaxMembers)}
	}
}

// Count writes the counts, and the inline participants that were refused, to a status.
func (r *Results) Count(status *chatv1alpha1.ChatThreadStatus) {
	counts := &chatv1alpha1.ParticipantCounts{
		Desired:  int32(len(r.Declared)), //nolint:gosec // bounded by the API server's object size
		Joined:   int32(len(r.Joined)),   //nolint:gosec // as above
		Rejected: int32(len(r.Refused)),  //nolint:gosec // as above
	}
	status.Participants = counts
	status.Joined = fmt.Sprintf("%d/%d", counts.Joined, counts.Desired)
	rejected := r.rejectedInline()
	status.Rejected = rejected[:min(len(rejected), chatv1alpha1.MaxRejectedShown)]
}

// rejectedInline returns the inline participants that are not in the thread, in the order of the
// spec.
func (r *Results) rejectedInline() []chatv1alpha1.RejectedParticipant {
	var rejected []chatv1alpha1.RejectedParticipant
	for _, m := range r.Declared {
		if refusal, bad := r.Refused[m.Key()]; bad && m.IsInline() {
			rejected = append(rejected, chatv1alpha1.RejectedParticipant{UserID: string(m.UserID),
				Code: outcome.Sanitize(cmp.Or(refusal.Reason, refusal.Code), outcome.MaxCode), Message: outcome.Sanitize(refusal.Message, outcome.MaxMessage) + refusal.suffix()})
		}
	}
	for _, m := range r.Duplicates {
		if m.IsInline() {
			rejected = append(rejected, chatv1alpha1.RejectedParticipant{UserID: string(m.UserID),
				Code: chatv1alpha1.ReasonDuplicate, Message: "spec.participants names this user twice; ids are compared without regard to case"})
		}
	}
	return rejected
}

// Verdict returns the end of a reconcile that made all changes: ParticipantRejected if inline
// participants are not in the thread. ChatParticipants report for themselves.
func (r *Results) Verdict() error {
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
