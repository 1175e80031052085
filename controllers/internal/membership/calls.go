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
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	// Added and Removed are the users that calls added and removed.
	Added, Removed []string
}

// Do first brings back the members that were removed to be renewed. It adds before it removes, as
// far as the thread has room. Nobody is removed if an addition failed outright. Renewals, which
// remove people for a moment, come last: a removal may be urgent.
func (w *Calls) Do(ctx context.Context, todo plan.Members) error {
	back, add := w.splitReturning(todo.Add)
	first := todo.RemovalsFirst()
	if len(back) > 0 && todo.Present+len(back) <= chatv1alpha1.MaxMembers {
		if err := w.bringBack(ctx, back); err != nil {
			return err
		}
		back = nil
	}
	if err := w.remove(ctx, todo.Remove[:first]); err != nil {
		return err
	}
	if len(back) > 0 {
		if err := w.bringBack(ctx, back); err != nil {
			return err
		}
	}
	if err := w.add(ctx, add); err != nil {
		return err
	}
	if err := w.remove(ctx, todo.Remove[first:]); err != nil {
		return err
	}
	return w.renewAll(ctx, todo.Renew)
}

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
	for len(sound) > 0 {
		batch := sound[:min(MaxBatch, len(sound))]
		sound = sound[len(batch):]
		if err := w.addBatch(ctx, batch, w.isolate); err != nil {
			return err
		}
	}
	for len(suspect) > 0 {
		batch := suspect[:min(MaxBatch, len(suspect))]
		suspect = suspect[len(batch):]
		if err := w.addBatch(ctx, batch, w.refuseAll); err != nil {
			return err
		}
	}
	return nil
}

// addBatch makes one call. If the whole call fails, it calls malformed.
func (w *Calls) addBatch(ctx context.Context, batch []plan.Member, malformed func(context.Context, []plan.Member, error) error) error {
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
		w.Added = append(w.Added, string(m.UserID))
		w.isBack(m.Key())
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

// missingMembers returns the declared members that a list of the thread does not show.
func missingMembers(declared []plan.Member, listed []acs.Participant) []plan.Member {
	isMember := make(map[string]bool, len(listed))
	for _, p := range listed {
		isMember[acs.UserKey(p.ID.RawID())] = true
	}
	return slices.DeleteFunc(slices.Clone(declared), func(m plan.Member) bool { return isMember[m.Key()] })
}

// RefusalsByUser returns the refusals by user key.
func RefusalsByUser(refused []acs.InvalidParticipant) map[string]acs.InvalidParticipant {
	answers := make(map[string]acs.InvalidParticipant, len(refused))
	for _, answer := range refused {
		answers[acs.UserKey(answer.Target)] = answer
	}
	return answers
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

// SplitNamed separates the members that the answer to a failed call names from the others. The
// answer names them by id, or by their position in the request, in which `before` other
// participants come first. The result said holds the message of ACS on each of them.
func SplitNamed(err error, batch []plan.Member, before int) (named, rest []plan.Member, said map[string]string) {
	detail, _ := acs.Detail(err)
	all := acs.UserKey(detail.Message + " " + detail.Target)
	said = map[string]string{}
	for _, d := range detail.Details {
		if at, ok := placeIn(d.Target); ok && at >= before && at-before < len(batch) {
			said[batch[at-before].Key()] = d.Message
		}
		for _, m := range batch {
			if mentions(acs.UserKey(d.Message+" "+d.Target), m.Key()) {
				said[m.Key()] = d.Message
			}
		}
	}
	for _, m := range batch {
		if _, ok := said[m.Key()]; ok || mentions(all, m.Key()) {
			named = append(named, m)
			continue
		}
		rest = append(rest, m)
	}
	return named, rest, said
}

var participantPlace = regexp.MustCompile(`(?i)\bparticipants\[([0-9]{1,4})\]`)

// placeIn returns the position in the list of participants that the target of an error names.
func placeIn(target string) (int, bool) {
	found := participantPlace.FindStringSubmatch(target)
	if found == nil {
		return 0, false
	}
	at, err := strconv.Atoi(found[1])
	return at, err == nil
}

// mentions reports whether a text contains an id that is not merely the beginning of another one.
func mentions(text, id string) bool {
	for {
		at := strings.Index(text, id)
		if at < 0 {
			return false
		}
		text = text[at+len(id):]
		if text == "" || !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz_-=", rune(text[0])) {
			return true
		}
	}
}

// UnmatchedRefusal returns a refusal that names none of the sent members; nil if all do.
func UnmatchedRefusal(sent []plan.Member, refused []acs.InvalidParticipant) *acs.InvalidParticipant {
	names := make(map[string]bool, len(sent))
	for _, m := range sent {
		names[m.Key()] = true
	}
	for i := range refused {
		if !names[acs.UserKey(refused[i].Target)] {
			return &refused[i]
		}
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
