// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package membership changes the members of one thread at ACS as a plan asks for.
//
// It adds members in as few calls as ACS allows, finds the ids that make a whole call fail, and
// renews members: ACS cannot change the display name or the history of a member, so the member is
// removed and added again. A Memory keeps the results between reconciles.
//
// The package does not choose the members, which is the task of plan, nor whether a
// member may be removed now. It does not read the thread before it begins.
package membership

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const (
	// MaxBatch is the number of members that ACS takes in one call.
	MaxBatch = 200
	// pageSize is the number of members on a page: all of them.
	pageSize = chatv1alpha1.MaxMembers
	// maxAddedUnseen is how often ACS may answer that it added a member that no list shows.
	maxAddedUnseen = 2
	// maxAddCalls limits the calls of a reconcile that look for malformed ids.
	maxAddCalls = 10
)

// Calls carries out the plan of the members of one thread.
type Calls struct {
	// Thread is the client of the acting service user, and Owner the stamp of the ChatThread.
	Thread *acs.ThreadClient
	Owner  string
	// Status is that of the ChatThread. It holds the former state of members that are out for a
	// renewal. Store writes it.
	Status *chatv1alpha1.ChatThreadStatus
	Store  func(context.Context) error
	// Room returns the number of member changes that the quota has room for, at most wanted.
	Room func(wanted int) (int, error)
	// Memory holds the results of earlier calls. Results are updated by each call.
	Memory  *Memory
	Results plan.Results

	calls int
	// present is the number of members in the thread by our own count.
	present int
	// Added and Removed are the users that calls added and removed.
	Added, Removed []string
}

// ErrNoRoom is the end of Do if a plan removes fewer members than its additions need, because they
// must not be removed now.
var ErrNoRoom error = &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: outcome.ThrottleWait, Message: fmt.Sprintf(
	"The thread is full: ACS allows %d members, the service user included. Members wait for a place: nobody is removed while the namespace or the CRD of ChatParticipants is being deleted.", chatv1alpha1.MaxMembers)}

// Do first brings back the members that were removed to be renewed. It adds before it removes, as
// far as the thread has room. Nobody is removed if an addition failed outright. Renewals, which
// remove people for a moment, come last: a removal may be urgent.
func (w *Calls) Do(ctx context.Context, todo plan.Members) error {
	w.present = todo.Present
	back, add := w.splitReturning(todo.Add)
	leaving, err := w.bringAllBack(ctx, back, todo.Remove)
	if err != nil {
		return err
	}
	if leaving, err = w.makeRoom(ctx, add, leaving); err != nil {
		return err
	}
	if err := w.add(ctx, add); err != nil {
		return err
	}
	if err := w.remove(ctx, leaving); err != nil {
		return err
	}
	return w.renewAll(ctx, todo.Renew)
}

// bringAllBack brings members back and removes only as many others before as they need. It returns
// the others that are left to be removed.
func (w *Calls) bringAllBack(ctx context.Context, back []plan.Member, leaving []plan.ObservedMember) ([]plan.ObservedMember, error) {
	now := back[:min(w.room(), len(back))]
	if err := w.bringBack(ctx, now); err != nil {
		return nil, err
	}
	back = back[len(now):]
	leaving, err := w.makeRoom(ctx, back, leaving)
	// After a removal that failed, those come back that have room by now.
	now = back[:min(w.room(), len(back))]
	if err = errors.Join(err, w.bringBack(ctx, now)); err == nil && len(now) < len(back) {
		err = ErrNoRoom
	}
	return leaving, err
}

// makeRoom removes as many members as others that come need places, and returns the members that
// are left to be removed.
func (w *Calls) makeRoom(ctx context.Context, coming []plan.Member, leaving []plan.ObservedMember) ([]plan.ObservedMember, error) {
	first := plan.Members{Present: w.present, Add: coming, Remove: leaving}.RemovalsFirst()
	return leaving[first:], w.remove(ctx, leaving[:first])
}

// room returns the number of members that the thread has room for. A call that exceeds it would
// fail as a whole, like one with a malformed id.
func (w *Calls) room() int { return max(chatv1alpha1.MaxMembers-w.present, 0) }

// splitReturning separates the members that are out for a renewal from the new ones.
func (w *Calls) splitReturning(members []plan.Member) (back, others []plan.Member) {
	for _, m := range members {
		if _, isOut := renewing(w.Status, m.Key()); isOut {
			back = append(back, m)
			continue
		}
		others = append(others, m)
	}
	return back, others
}

func (w *Calls) remove(ctx context.Context, members []plan.ObservedMember) error {
	for _, m := range members {
		if _, err := w.Thread.RemoveParticipant(ctx, acs.ParseRawID(m.ID), nil); err != nil {
			return outcome.CallFailed("remove a member", err)
		}
		w.present--
		w.Removed = append(w.Removed, m.ID)
	}
	return nil
}

// add adds members in as few calls as ACS allows. Ids that made a call fail before go last, in a
// call of their own.
func (w *Calls) add(ctx context.Context, members []plan.Member) error {
	var sound, suspect []plan.Member
	for _, m := range members {
		if _, bad := w.Memory.Malformed[m.Key()]; bad {
			suspect = append(suspect, m)
			continue
		}
		sound = append(sound, m)
	}
	if err := w.addAll(ctx, sound, w.isolate); err != nil {
		return err
	}
	return w.addAll(ctx, suspect, w.refuseAll)
}

// addAll adds members as far as the thread has room. If a whole call fails, it calls malformed.
func (w *Calls) addAll(ctx context.Context, members []plan.Member, malformed malformedFunc) error {
	for len(members) > 0 {
		batch := members[:min(MaxBatch, w.room(), len(members))]
		if len(batch) == 0 {
			return ErrNoRoom
		}
		members = members[len(batch):]
		if err := w.addBatch(ctx, batch, malformed); err != nil {
			return err
		}
	}
	return nil
}

// malformedFunc goes on after the call for a batch failed as a whole.
type malformedFunc func(ctx context.Context, batch []plan.Member, err error) error

// addBatch makes one call. If the whole call fails, it calls malformed.
func (w *Calls) addBatch(ctx context.Context, batch []plan.Member, malformed malformedFunc) error {
	now := time.Now()
	participants := make([]acs.Participant, 0, len(batch))
	for _, m := range batch {
		participants = append(participants, m.ParticipantFor(w.Owner, now, HistoryOf(w.Status, m.Key())))
	}
	w.calls++
	_, err := w.Thread.AddParticipants(ctx, participants, nil)
	var invalid *acs.InvalidParticipantsError
	switch {
	case err == nil:
	case errors.As(err, &invalid):
		if err := w.note(ctx, batch, invalid.Participants); err != nil {
			return err
		}
	case acs.HasStatus(err, http.StatusBadRequest):
		return malformed(ctx, batch, err)
	default:
		return outcome.CallFailed("add members", err)
	}
	for _, m := range batch {
		if _, refused := w.Results.Refused[m.Key()]; refused {
			continue
		}
		delete(w.Memory.Malformed, m.Key())
		w.present++
		w.Added = append(w.Added, string(m.UserID))
		w.drop(m.Key())
		delete(w.Memory.kept, m.Key())
		// A member that no later list shows is not in the thread, even if ACS answers that it was added.
		if w.Memory.NoteAdded(m) > maxAddedUnseen {
			w.refuse(m, "", "ACS answers that it added the user, and does not list it as a member")
			continue
		}
		w.Results.Joined[m.Key()] = true
	}
	return nil
}

// note processes the answers on single members.
func (w *Calls) note(ctx context.Context, batch []plan.Member, refused []acs.InvalidParticipant) error {
	answers, err := w.answersOn(ctx, batch, refused)
	for _, m := range batch {
		if answer, isRefused := answers[m.Key()]; isRefused {
			w.refuse(m, answer.Code, answer.Message)
		}
	}
	return err
}

// answersOn returns the refusals of members, by user key. If a refusal names no known member, the
// list of members decides.
func (w *Calls) answersOn(ctx context.Context, batch []plan.Member, refused []acs.InvalidParticipant) (map[string]acs.InvalidParticipant, error) {
	byUser, answers := RefusalsByUser(refused), map[string]acs.InvalidParticipant{}
	for _, m := range batch {
		if answer, ok := byUser[m.Key()]; ok {
			answers[m.Key()] = answer
		}
	}
	unmatched := UnmatchedRefusal(batch, refused)
	if unmatched == nil {
		return answers, nil
	}
	listed, err := List(ctx, w.Thread)
	if err != nil {
		return answers, outcome.CallFailed("list the members", err)
	}
	for _, m := range missingMembers(batch, listed) {
		if _, matched := answers[m.Key()]; !matched {
			answers[m.Key()] = *unmatched
		}
	}
	return answers, nil
}

func (w *Calls) refuse(m plan.Member, code, message string) {
	w.Memory.NoteRefused(m, code, message)
	w.Results.Refused[m.Key()] = w.Memory.Refused[m.Key()]
	delete(w.Results.Joined, m.Key())
}

// isolate finds the malformed ids that made a call fail and continues with the others. It takes the
// ids from the answer, or halves the batch if the answer names none.
func (w *Calls) isolate(ctx context.Context, batch []plan.Member, err error) error {
	bad, rest, said := SplitNamed(err, batch, 0)
	if len(bad) == 0 && len(batch) == 1 {
		bad, rest = batch, nil
	}
	w.Memory.NoteMalformed(bad, err, said)
	for _, m := range bad {
		w.Results.Refused[m.Key()] = w.Memory.Refused[m.Key()]
	}
	halves := [][]plan.Member{rest}
	if len(bad) == 0 {
		halves = [][]plan.Member{rest[:len(rest)/2], rest[len(rest)/2:]}
	}
	for _, half := range halves {
		if len(half) == 0 {
			continue
		}
		if w.calls >= maxAddCalls {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: outcome.ThrottleWait,
				Message: "ACS refuses some of the members as malformed; the operator finds out which."}
		}
		if err := w.addBatch(ctx, half, w.isolate); err != nil {
			return err
		}
	}
	return nil
}

// refuseAll refuses ids that were malformed before and still are.
func (w *Calls) refuseAll(_ context.Context, batch []plan.Member, _ error) error {
	for _, m := range batch {
		before := w.Memory.Malformed[m.Key()]
		w.refuse(m, before.Code, before.Message)
	}
	return nil
}

// List reads the members of a thread.
func List(ctx context.Context, thread *acs.ThreadClient) ([]acs.Participant, error) {
	var members []acs.Participant
	pager := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: pageSize})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		members = append(members, page.Participants...)
	}
	return members, nil
}
