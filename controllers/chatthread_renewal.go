// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// ACS cannot change how a member stands in a thread: the member is removed and added again. Between the two
// calls it has no place, and nothing at ACS knows since when it could read. So status.renewing holds each
// member as it was from before the removal until it is back, whatever fails in between.

// forgetRenewed drops the members from status.renewing that are back, or that nobody declares any more.
func (s situation) forgetRenewed(declared []plan.Member) {
	wanted := make(map[string]bool, len(declared))
	for _, m := range declared {
		wanted[m.Key()] = true
	}
	for _, m := range s.have.Members {
		delete(wanted, m.Key())
	}
	s.thread.Status.Renewing = slices.DeleteFunc(s.thread.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool {
		return !wanted[acs.UserKey(r.UserID)]
	})
}

// renewing is how a member stood that was taken out and is not back yet.
func (s situation) renewing(key string) (chatv1alpha1.RenewingParticipant, bool) {
	at := slices.IndexFunc(s.thread.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool { return acs.UserKey(r.UserID) == key })
	if at < 0 {
		return chatv1alpha1.RenewingParticipant{}, false
	}
	return s.thread.Status.Renewing[at], true
}

// isBack notes that a member is in the thread again.
func (s situation) isBack(key string) {
	s.thread.Status.Renewing = slices.DeleteFunc(s.thread.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool { return acs.UserKey(r.UserID) == key })
}

// storeRenewing stores how members stand before they are taken out.
func (w *memberCalls) storeRenewing(ctx context.Context, renewals []plan.Renewal) error {
	for _, renewal := range renewals {
		w.isBack(renewal.Observed.Key())
		w.thread.Status.Renewing = append(w.thread.Status.Renewing, asRenewing(renewal.Observed))
	}
	return w.store(ctx)
}

func asRenewing(m plan.ObservedMember) chatv1alpha1.RenewingParticipant {
	r := chatv1alpha1.RenewingParticipant{UserID: outcome.Sanitize(m.ID, maxUserID), DisplayName: firstRunes(m.DisplayName, maxDisplayName), Stamp: firstRunes(m.RawStamp, maxStamp)}
	if m.HistorySince != nil {
		r.ShareHistoryTime = statusTime(*m.HistorySince)
	}
	return r
}

const (
	// maxUserID, maxDisplayName and maxStamp are how many characters status keeps.
	maxUserID      = 256
	maxDisplayName = 256
	maxStamp       = 128
)

func firstRunes(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit])
	}
	return text
}

// renewAll takes out no more members at a time than the quota lets come back in the same window, with
// one call to add them.
func (w *memberCalls) renewAll(ctx context.Context, renewals []plan.Renewal) error {
	for len(renewals) > 0 {
		room, err := w.session.Pacer.RoomForMembers(w.caller, w.threadID, len(renewals)+1)
		if err != nil {
			return err
		}
		now := renewals[:min(max(room-1, 1), len(renewals), chatv1alpha1.MaxRenewing)]
		renewals = renewals[len(now):]
		if err := w.renew(ctx, now); err != nil {
			return err
		}
	}
	return nil
}

// renew takes members out and adds them again.
func (w *memberCalls) renew(ctx context.Context, renewals []plan.Renewal) error {
	if err := w.storeRenewing(ctx, renewals); err != nil {
		return err
	}
	batch := make([]plan.Member, 0, len(renewals))
	var err error
	for _, renewal := range renewals {
		_, err = w.client().RemoveParticipant(ctx, acs.ParseRawID(renewal.Observed.ID), nil)
		if err != nil && outcome.Definite(err) {
			break
		}
		// Without an answer the member may be out: to add one that is not is no change.
		if err == nil {
			w.memory.renewed[renewal.Declared.Key()] = plan.RenewalMark(renewal.Declared, renewal.Observed)
		}
		delete(w.results.Joined, renewal.Declared.Key())
		batch = append(batch, renewal.Declared)
		if err != nil {
			break
		}
	}
	if err != nil {
		err = outcome.CallFailed("remove a member", err)
	}
	return errors.Join(err, w.bringBack(ctx, batch))
}

// bringBack adds members that were taken out. It waits for no quota, not even for one that a 429 asks to
// wait for: people are out of the room meanwhile. Where ACS refuses what is declared of a member now, the
// member comes back as it was.
func (w *memberCalls) bringBack(ctx context.Context, members []plan.Member) error {
	ctx = pacing.WithoutPacing(ctx)
	var err error
	for batch := range slices.Chunk(members, maxBatch) {
		err = errors.Join(err, w.addBatch(ctx, batch, w.isolate))
	}
	for _, m := range members {
		refusal, refused := w.results.Refused[m.Key()]
		former, isOut := w.renewing(m.Key())
		if !refused || !isOut {
			continue
		}
		isRestored, restoreErr := w.restore(ctx, former)
		if isRestored {
			refusal.Kept = true
			w.memory.kept[m.Key()] = refusal
			w.results.Refused[m.Key()] = refusal
			w.results.Joined[m.Key()] = true
			w.isBack(m.Key())
		}
		err = errors.Join(err, restoreErr)
	}
	return err
}

// restore adds a member as it stood before, and says whether it is back. One that ACS no longer takes in any form
// stays in status.renewing: it shows as refused, and is to come back with the history that it had.
func (w *memberCalls) restore(ctx context.Context, former chatv1alpha1.RenewingParticipant) (bool, error) {
	participant := acs.Participant{ID: acs.ParseRawID(former.UserID), DisplayName: former.DisplayName}
	if former.ShareHistoryTime != nil {
		participant.ShareHistoryTime = &former.ShareHistoryTime.Time
	}
	if former.Stamp != "" {
		participant.Metadata = map[string]string{chatv1alpha1.StampMember: former.Stamp}
	}
	_, err := w.client().AddParticipants(ctx, []acs.Participant{participant}, nil)
	if _, refused := errors.AsType[*acs.InvalidParticipantsError](err); refused || acs.HasStatus(err, http.StatusBadRequest) {
		return false, nil
	}
	return err == nil, outcome.CallFailed("add a member again", err)
}

// historyOf is since when a member could read before it was taken out.
func (s situation) historyOf(key string) *time.Time {
	former, _ := s.renewing(key)
	if former.ShareHistoryTime == nil {
		return nil
	}
	return &former.ShareHistoryTime.Time
}
