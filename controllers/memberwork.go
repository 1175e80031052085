// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// memberWork carries out a plan.
type memberWork struct {
	*threadScope
	calls          int
	added, removed []string
	// observedHistory is since when members that are added again could read so far.
	observedHistory map[string]*time.Time
}

// do adds before it removes, as far as the thread has room. Nobody is removed when an addition failed
// outright.
func (w *memberWork) do(ctx context.Context, plan membersPlan) error {
	first := removalsFirst(plan)
	if err := w.remove(ctx, plan.remove[:first]); err != nil {
		return err
	}
	if err := w.add(ctx, plan.add); err != nil {
		return err
	}
	if err := w.renewAll(ctx, plan.renew); err != nil {
		return err
	}
	return w.remove(ctx, plan.remove[first:])
}

// renewAll takes out no more members at a time than the quota lets come back in the same window, with
// one call to add them.
func (w *memberWork) renewAll(ctx context.Context, renewals []renewal) error {
	for len(renewals) > 0 {
		room, err := w.session.pacer.roomForMembers(w.who, w.threadID, len(renewals)+1)
		if err != nil {
			return err
		}
		now := renewals[:min(max(room-1, 1), len(renewals))]
		renewals = renewals[len(now):]
		if err := w.renew(ctx, now); err != nil {
			return err
		}
	}
	return nil
}

func (w *memberWork) remove(ctx context.Context, members []observedMember) error {
	for _, m := range members {
		if _, err := w.client().RemoveParticipant(ctx, acs.ParseRawID(m.id), nil); err != nil {
			return failed("remove a member", err)
		}
		w.removed = append(w.removed, m.id)
	}
	return nil
}

// add adds members in as few calls as ACS allows. Ids that made a call fail before go last, in a call
// of their own.
func (w *memberWork) add(ctx context.Context, members []declaredMember) error {
	var sound, suspect []declaredMember
	for _, m := range members {
		if _, bad := w.memory.malformed[m.key()]; bad {
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
func (w *memberWork) addBatch(ctx context.Context, batch []declaredMember, malformed func(context.Context, []declaredMember, error) error) error {
	now := time.Now()
	participants := make([]acs.Participant, 0, len(batch))
	for _, m := range batch {
		participants = append(participants, m.participantFor(now, w.observedHistory[m.key()]))
	}
	w.calls++
	_, err := w.client().AddParticipants(ctx, participants, nil)
	var invalid *acs.InvalidParticipantsError
	switch {
	case err == nil:
	case errors.As(err, &invalid):
		w.note(batch, invalid.Participants)
	case acs.HasStatus(err, http.StatusBadRequest):
		return malformed(ctx, batch, err)
	default:
		return failed("add members", err)
	}
	for _, m := range batch {
		if _, refused := w.results.refused[m.key()]; !refused {
			delete(w.memory.malformed, m.key())
			w.results.joined[m.key()] = true
			w.added = append(w.added, string(m.UserID))
		}
	}
	return nil
}

// note takes over the answers to single members.
func (w *memberWork) note(batch []declaredMember, refused []acs.InvalidParticipant) {
	answers := refusalsByUser(refused)
	for _, m := range batch {
		if answer, ok := answers[m.key()]; ok {
			w.refuse(m, answer.Code, answer.Message)
		}
	}
}

func refusalsByUser(refused []acs.InvalidParticipant) map[string]acs.InvalidParticipant {
	answers := make(map[string]acs.InvalidParticipant, len(refused))
	for _, answer := range refused {
		answers[userKey(answer.Target)] = answer
	}
	return answers
}

func (w *memberWork) refuse(m declaredMember, code, message string) {
	w.memory.noteRefused(m, code, message)
	w.results.refused[m.key()] = w.memory.refusals[m.key()]
	delete(w.results.joined, m.key())
}

// isolate finds the malformed ids that made a call fail, by name where the answer names them and by
// halves where it does not, and goes on with the others.
func (w *memberWork) isolate(ctx context.Context, batch []declaredMember, err error) error {
	bad, rest := splitNamed(err, batch)
	if len(bad) == 0 && len(batch) == 1 {
		bad, rest = batch, nil
	}
	w.memory.noteMalformed(bad, err)
	for _, m := range bad {
		w.results.refused[m.key()] = w.memory.refusals[m.key()]
	}
	halves := [][]declaredMember{rest}
	if len(bad) == 0 {
		halves = [][]declaredMember{rest[:len(rest)/2], rest[len(rest)/2:]}
	}
	for _, half := range halves {
		if len(half) == 0 {
			continue
		}
		if w.calls >= maxAddCalls {
			return &waitError{reason: chatv1alpha1.ReasonUpdating, after: throttleWait,
				message: "ACS refuses some of the members as malformed; the operator finds out which."}
		}
		if err := w.addBatch(ctx, half, w.isolate); err != nil {
			return err
		}
	}
	return nil
}

// refuseAll deals with ids that were found malformed before and still are.
func (w *memberWork) refuseAll(_ context.Context, batch []declaredMember, _ error) error {
	for _, m := range batch {
		before := w.memory.malformed[m.key()]
		w.refuse(m, before.code, before.message)
	}
	return nil
}

// renew takes members out and adds them again in the same pass.
func (w *memberWork) renew(ctx context.Context, renewals []renewal) error {
	batch := make([]declaredMember, 0, len(renewals))
	var err error
	for _, renewal := range renewals {
		if _, err = w.client().RemoveParticipant(ctx, acs.ParseRawID(renewal.observed.id), nil); err != nil {
			err = failed("remove a member", err)
			break
		}
		w.memory.renewed[renewal.declared.key()] = renewalMark(renewal.declared, renewal.observed)
		delete(w.results.joined, renewal.declared.key())
		w.observedHistory[renewal.declared.key()] = renewal.observed.historySince
		batch = append(batch, renewal.declared)
	}
	// Those that were taken out come back even where the next could not be taken out.
	if len(batch) > 0 {
		err = errors.Join(err, w.addBatch(ctx, batch, w.isolate))
	}
	return err
}

// tell makes one event of all that was added and one of all that was removed.
func (w *memberWork) tell() {
	if len(w.added) > 0 {
		w.threadScope.tell(chatv1alpha1.EventMembersAdded, "Added %s: %s", countOf(len(w.added), "member"), someOf(w.added))
	}
	if len(w.removed) > 0 {
		w.threadScope.tell(chatv1alpha1.EventMembersRemoved, "Removed %s: %s", countOf(len(w.removed), "member"), someOf(w.removed))
	}
}

func someOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// splitNamed parts the members that the answer to a failed call names from the others.
func splitNamed(err error, batch []declaredMember) (named, rest []declaredMember) {
	detail, _ := acs.Detail(err)
	said := userKey(detail.Message + " " + detail.Target)
	for _, m := range batch {
		if mentions(said, m.key()) {
			named = append(named, m)
			continue
		}
		rest = append(rest, m)
	}
	return named, rest
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

func (m *threadMemory) noteRefused(member declaredMember, code, message string) {
	m.refusals[member.key()] = refusedMember{participant: member.participant, generation: member.generation, code: code, message: message}
}

// noteMalformed notes ids that made a whole call fail.
func (m *threadMemory) noteMalformed(members []declaredMember, err error) {
	message := "the id is malformed"
	if detail, ok := acs.Detail(err); ok && detail.Message != "" {
		message = cut(detail.Message, maxMessage)
	}
	for _, member := range members {
		m.noteRefused(member, strconv.Itoa(http.StatusBadRequest), message)
		m.malformed[member.key()] = m.refusals[member.key()]
	}
}
