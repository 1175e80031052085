// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// Release brings all members back that are out, in the former state, before the operator lets the
// thread go: nobody would do that later. It returns the members that ACS takes in no form any more,
// each with its answer, and drops them from status.renewing.
func (w *Calls) Release(ctx context.Context) (lost []string, err error) {
	out := slices.Clone(w.Status.Renewing)
	refused, err := w.restore(pacing.WithoutPacing(ctx), out)
	for _, former := range out {
		key := acs.UserKey(former.UserID)
		if refusal, isRefused := refused[key]; isRefused {
			lost = append(lost, former.UserID+" ("+strings.TrimSuffix(refusal.Text(), ".")+")")
			w.drop(key)
		} else if _, isOut := renewing(w.Status, key); !isOut {
			w.Added = append(w.Added, former.UserID)
		}
	}
	return lost, err
}

// restore adds members in their former state, in as few calls as ACS allows. It returns the
// refusals of those that ACS no longer takes in any form, by user key.
func (w *Calls) restore(ctx context.Context, out []chatv1alpha1.RenewingParticipant) (map[string]plan.Refusal, error) {
	refused := map[string]plan.Refusal{}
	return refused, w.restoreBatch(ctx, out, refused)
}

// restoreBatch makes one call. If the whole call fails, it goes on without the members that the
// answer names, or with halves of the batch.
func (w *Calls) restoreBatch(ctx context.Context, batch []chatv1alpha1.RenewingParticipant, refused map[string]plan.Refusal) error {
	if len(batch) == 0 {
		return nil
	}
	members, participants := make([]plan.Member, 0, len(batch)), make([]acs.Participant, 0, len(batch))
	for _, former := range batch {
		members = append(members, plan.Member{Member: chatv1alpha1.Member{UserID: chatv1alpha1.UserID(former.UserID)}})
		participants = append(participants, participantOf(former))
	}
	_, err := w.Thread.AddParticipants(ctx, participants, nil)
	if acs.HasStatus(err, http.StatusBadRequest) {
		return w.restoreOthers(ctx, batch, members, err, refused)
	}
	if invalid, ok := errors.AsType[*acs.InvalidParticipantsError](err); ok {
		var answers map[string]acs.InvalidParticipant
		answers, err = w.answersOn(ctx, members, invalid.Participants)
		for key, answer := range answers {
			refused[key] = plan.Refusal{Code: answer.Code, Message: answer.Message}
		}
	}
	if err != nil {
		return outcome.CallFailed("add a member again", err)
	}
	for _, m := range members {
		if _, isRefused := refused[m.Key()]; !isRefused {
			w.present++
			w.drop(m.Key())
		}
	}
	return nil
}

// restoreOthers goes on after a call that failed as a whole.
func (w *Calls) restoreOthers(ctx context.Context, batch []chatv1alpha1.RenewingParticipant, members []plan.Member, err error, refused map[string]plan.Refusal) error {
	named, _, said := SplitNamed(err, members, 0)
	if len(named) == 0 && len(members) > 1 {
		half := len(batch) / 2
		if err := w.restoreBatch(ctx, batch[:half], refused); err != nil {
			return err
		}
		return w.restoreBatch(ctx, batch[half:], refused)
	}
	if len(named) == 0 {
		named = members
	}
	detail, _ := acs.Detail(err)
	for _, m := range named {
		refused[m.Key()] = plan.Refusal{Code: strconv.Itoa(http.StatusBadRequest), Message: cmp.Or(said[m.Key()], detail.Message)}
	}
	return w.restoreBatch(ctx, slices.DeleteFunc(slices.Clone(batch), func(former chatv1alpha1.RenewingParticipant) bool {
		_, isRefused := refused[acs.UserKey(former.UserID)]
		return isRefused
	}), refused)
}

// participantOf returns a member as it was before it was removed.
func participantOf(former chatv1alpha1.RenewingParticipant) acs.Participant {
	participant := acs.Participant{ID: acs.ParseRawID(former.UserID), DisplayName: former.DisplayName}
	if former.ShareHistoryTime != nil {
		participant.ShareHistoryTime = &former.ShareHistoryTime.Time
	}
	if former.Stamp != "" {
		participant.Metadata = map[string]string{chatv1alpha1.StampMember: former.Stamp}
	}
	return participant
}
