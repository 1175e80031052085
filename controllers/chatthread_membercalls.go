// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

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
	// maxAddedUnseen is how often the operator relies on ACS that it added a member that no list shows.
	maxAddedUnseen = 2
	// maxAddCalls bounds how many calls of a reconcile look for malformed ids.
	maxAddCalls = 10
)

// memberCalls carries out the plan of the members.
type memberCalls struct {
	situation
	// results are those of the situation, as far as the calls have come.
	results        plan.Results
	calls          int
	added, removed []string
	// store writes the status in the middle of the work.
	store func(context.Context) error
}

// do first brings back the members that were removed to be renewed, and adds before it removes, as far as the
// thread has room. Nobody is removed if an addition failed outright. Renewals, which remove people for a moment,
// come last: a removal may be urgent.
func (w *memberCalls) do(ctx context.Context, todo plan.Members) error {
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

// splitReturning parts the members that were taken out and are not back yet from those that are new.
func (w *memberCalls) splitReturning(members []plan.Member) (back, others []plan.Member) {
	for _, m := range members {
		if _, isOut := w.renewing(m.Key()); isOut {
			back = append(back, m)
			continue
		}
		others = append(others, m)
	}
	return back, others
}

func (w *memberCalls) remove(ctx context.Context, members []plan.ObservedMember) error {
	for _, m := range members {
		if _, err := w.client().RemoveParticipant(ctx, acs.ParseRawID(m.ID), nil); err != nil {
			return outcome.CallFailed("remove a member", err)
		}
		w.removed = append(w.removed, m.ID)
	}
	return nil
}

// add adds members in as few calls as ACS allows. Ids that made a call fail before go last, in a call
// of their own.
func (w *memberCalls) add(ctx context.Context, members []plan.Member) error {
	var sound, suspect []plan.Member
	for _, m := range members {
		if _, bad := w.memory.malformed[m.Key()]; bad {
			suspect = append(suspect, m)
			continue
		}
		sound = append(sound, m)
	}
	for len(sound) > 0 {
		batch := sound[:min(maxBatch, len(sound))]
		sound = sound[len(batch):]
		if err := w.addBatch(ctx, batch, w.isolate); err != nil {
			return err
		}
	}
	for len(suspect) > 0 {
		batch := suspect[:min(maxBatch, len(suspect))]
		suspect = suspect[len(batch):]
		if err := w.addBatch(ctx, batch, w.refuseAll); err != nil {
			return err
		}
	}
	return nil
}

// addBatch makes one call; malformed deals with one that fails as a whole.
func (w *memberCalls) addBatch(ctx context.Context, batch []plan.Member, malformed func(context.Context, []plan.Member, error) error) error {
	now := time.Now()
	participants := make([]acs.Participant, 0, len(batch))
	for _, m := range batch {
		participants = append(participants, m.ParticipantFor(w.owner(), now, w.historyOf(m.Key())))
	}
	w.calls++
	_, err := w.client().AddParticipants(ctx, participants, nil)
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
		if _, refused := w.results.Refused[m.Key()]; refused {
			continue
		}
		delete(w.memory.malformed, m.Key())
		w.added = append(w.added, string(m.UserID))
		w.isBack(m.Key())
		delete(w.memory.kept, m.Key())
		// What ACS says is not what it does: a member that it lists in no later list is not in the thread.
		if w.memory.added[m.Key()]++; w.memory.added[m.Key()] > maxAddedUnseen {
			w.refuse(m, "", "ACS answers that it added the user, and does not list it as a member")
			continue
		}
		w.results.Joined[m.Key()] = true
	}
	return nil
}

// note takes over the answers to single members. Where one of them cannot be told to belong to a member, the
// list of members says who is in the thread.
func (w *memberCalls) note(ctx context.Context, batch []plan.Member, refused []acs.InvalidParticipant) error {
	answers := refusalsByUser(refused)
	matched := map[string]bool{}
	for _, m := range batch {
		if answer, ok := answers[m.Key()]; ok {
			matched[m.Key()] = true
			w.refuse(m, answer.Code, answer.Message)
		}
	}
	unmatched := unmatchedRefusal(batch, refused)
	if unmatched == nil {
		return nil
	}
	listed, err := listMembers(ctx, w.client())
	if err != nil {
		return outcome.CallFailed("list the members", err)
	}
	for _, m := range missingMembers(batch, listed) {
		if !matched[m.Key()] {
			w.refuse(m, unmatched.Code, unmatched.Message)
		}
	}
	return nil
}

// missingMembers are the declared members that a list of the thread does not show.
func missingMembers(declared []plan.Member, listed []acs.Participant) []plan.Member {
	isMember := make(map[string]bool, len(listed))
	for _, p := range listed {
		isMember[acs.UserKey(p.ID.RawID())] = true
	}
	return slices.DeleteFunc(slices.Clone(declared), func(m plan.Member) bool { return isMember[m.Key()] })
}

func refusalsByUser(refused []acs.InvalidParticipant) map[string]acs.InvalidParticipant {
	answers := make(map[string]acs.InvalidParticipant, len(refused))
	for _, answer := range refused {
		answers[acs.UserKey(answer.Target)] = answer
	}
	return answers
}

func (w *memberCalls) refuse(m plan.Member, code, message string) {
	w.memory.noteRefused(m, code, message)
	w.results.Refused[m.Key()] = w.memory.refusals[m.Key()]
	delete(w.results.Joined, m.Key())
}

// isolate finds the malformed ids that made a call fail, by name where the answer names them and by
// halves where it does not, and goes on with the others.
func (w *memberCalls) isolate(ctx context.Context, batch []plan.Member, err error) error {
	bad, rest, said := splitNamed(err, batch, 0)
	if len(bad) == 0 && len(batch) == 1 {
		bad, rest = batch, nil
	}
	w.memory.noteMalformed(bad, err, said)
	for _, m := range bad {
		w.results.Refused[m.Key()] = w.memory.refusals[m.Key()]
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

// refuseAll deals with ids that were found malformed before and still are.
func (w *memberCalls) refuseAll(_ context.Context, batch []plan.Member, _ error) error {
	for _, m := range batch {
		before := w.memory.malformed[m.Key()]
		w.refuse(m, before.Code, before.Message)
	}
	return nil
}

// report makes one event of all that was added and one of all that was removed.
func (w *memberCalls) report() {
	if len(w.added) > 0 {
		w.events.add(chatv1alpha1.EventMembersAdded, "Added %s: %s", outcome.Plural(len(w.added), "member"), firstOf(w.added))
	}
	if len(w.removed) > 0 {
		w.events.add(chatv1alpha1.EventMembersRemoved, "Removed %s: %s", outcome.Plural(len(w.removed), "member"), firstOf(w.removed))
	}
}

// splitNamed parts the members that the answer to a failed call names from the others: by id, or by the place in
// the list that was sent, where before says how many others stood before them. said is what ACS says of each.
func splitNamed(err error, batch []plan.Member, before int) (named, rest []plan.Member, said map[string]string) {
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

// placeIn is the place in the list of participants that the target of an error names.
func placeIn(target string) (int, bool) {
	found := participantPlace.FindStringSubmatch(target)
	if found == nil {
		return 0, false
	}
	at, err := strconv.Atoi(found[1])
	return at, err == nil
}

// mentions says whether a text has an id in it that is not merely the beginning of another.
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

// unmatchedRefusal is a refusal that names none of the members that were sent; nil if all do.
func unmatchedRefusal(sent []plan.Member, refused []acs.InvalidParticipant) *acs.InvalidParticipant {
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

// maxBatch is how many members ACS takes in one call.
const maxBatch = 200
