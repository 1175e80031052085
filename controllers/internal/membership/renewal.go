// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// Between the two calls of a renewal a member is not in the thread, and ACS keeps no record of the
// start of its history. So status.renewing holds each member with its former state from before the
// removal until it is back, even if something fails in between.

// ForgetRenewed drops the members from status.renewing that are back, or that nobody declares any
// more, not even a ChatParticipant that does not count yet. The declaration must be verified: what is
// dropped is lost.
func ForgetRenewed(status *chatv1alpha1.ChatThreadStatus, declared plan.Declared, observed []plan.ObservedMember) {
	wanted := maps.Clone(declared.Protected)
	if wanted == nil {
		wanted = make(map[string]bool, len(declared.Members))
	}
	for _, m := range declared.Members {
		wanted[m.Key()] = true
	}
	for _, m := range observed {
		delete(wanted, m.Key())
	}
	status.Renewing = slices.DeleteFunc(status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool {
		return !wanted[acs.UserKey(r.UserID)]
	})
}

// renewing returns the former state of a member that was removed and is not back yet.
func renewing(status *chatv1alpha1.ChatThreadStatus, key string) (chatv1alpha1.RenewingParticipant, bool) {
	at := slices.IndexFunc(status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool { return acs.UserKey(r.UserID) == key })
	if at < 0 {
		return chatv1alpha1.RenewingParticipant{}, false
	}
	return status.Renewing[at], true
}

// isBack notes that a member is in the thread again.
func (w *Calls) isBack(key string) {
	w.Status.Renewing = slices.DeleteFunc(w.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool { return acs.UserKey(r.UserID) == key })
}

// storeRenewing stores the state of members before they are removed.
func (w *Calls) storeRenewing(ctx context.Context, renewals []plan.Renewal) error {
	for _, renewal := range renewals {
		w.isBack(renewal.Observed.Key())
		w.Status.Renewing = append(w.Status.Renewing, asRenewing(renewal.Observed))
	}
	return w.Store(ctx)
}

func asRenewing(m plan.ObservedMember) chatv1alpha1.RenewingParticipant {
	r := chatv1alpha1.RenewingParticipant{UserID: outcome.Sanitize(m.ID, maxUserID), DisplayName: firstRunes(m.DisplayName, maxDisplayName), Stamp: firstRunes(m.RawStamp, maxStamp)}
	if m.HistorySince != nil {
		r.ShareHistoryTime = objects.StatusTime(*m.HistorySince)
	}
	return r
}

const (
	// maxUserID, maxDisplayName and maxStamp limit the characters that status keeps.
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

// renewAll removes no more members at a time than the quota allows to be added again in the same
// window, with one call to add them.
func (w *Calls) renewAll(ctx context.Context, renewals []plan.Renewal) error {
	for len(renewals) > 0 {
		room, err := w.Room(len(renewals) + 1)
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

// renew removes members and adds them again.
func (w *Calls) renew(ctx context.Context, renewals []plan.Renewal) error {
	if err := w.storeRenewing(ctx, renewals); err != nil {
		return err
	}
	batch := make([]plan.Member, 0, len(renewals))
	var err error
	for _, renewal := range renewals {
		_, err = w.Thread.RemoveParticipant(ctx, acs.ParseRawID(renewal.Observed.ID), nil)
		if err != nil && outcome.Definite(err) {
			break
		}
		// Without an answer the member may be out. Adding a member that is not out changes nothing.
		if err == nil {
			set(&w.Memory.Renewed, renewal.Declared.Key(), plan.RenewalMark(renewal.Declared, renewal.Observed))
		}
		delete(w.Results.Joined, renewal.Declared.Key())
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

// bringBack adds members that were removed. It waits for no quota, not even after a 429: people are
// out of the thread meanwhile. If ACS refuses the present declaration of a member, the member comes
// back in its former state.
func (w *Calls) bringBack(ctx context.Context, members []plan.Member) error {
	ctx = pacing.WithoutPacing(ctx)
	var err error
	for batch := range slices.Chunk(members, MaxBatch) {
		err = errors.Join(err, w.addBatch(ctx, batch, w.isolate))
	}
	for _, m := range members {
		refusal, refused := w.Results.Refused[m.Key()]
		former, isOut := renewing(w.Status, m.Key())
		if !refused || !isOut {
			continue
		}
		isRestored, restoreErr := w.restore(ctx, former)
		if isRestored {
			refusal.Kept = true
			set(&w.Memory.kept, m.Key(), refusal)
			w.Results.Refused[m.Key()] = refusal
			w.Results.Joined[m.Key()] = true
			w.isBack(m.Key())
		}
		if restoreErr != nil {
			// A remembered refusal would keep the member out until the next resync.
			delete(w.Memory.Refused, m.Key())
		}
		err = errors.Join(err, restoreErr)
	}
	return err
}

// restore adds a member in its former state and reports whether it is back. If ACS no longer takes
// the member in any form, the member stays in status.renewing. It shows as refused, and comes back
// with its history later.
func (w *Calls) restore(ctx context.Context, former chatv1alpha1.RenewingParticipant) (bool, error) {
	participant := acs.Participant{ID: acs.ParseRawID(former.UserID), DisplayName: former.DisplayName}
	if former.ShareHistoryTime != nil {
		participant.ShareHistoryTime = &former.ShareHistoryTime.Time
	}
	if former.Stamp != "" {
		participant.Metadata = map[string]string{chatv1alpha1.StampMember: former.Stamp}
	}
	_, err := w.Thread.AddParticipants(ctx, []acs.Participant{participant}, nil)
	if _, refused := errors.AsType[*acs.InvalidParticipantsError](err); refused || acs.HasStatus(err, http.StatusBadRequest) {
		return false, nil
	}
	return err == nil, outcome.CallFailed("add a member again", err)
}

// HistoryOf returns the start of the history that a member could read before it was removed; nil if
// it is not known.
func HistoryOf(status *chatv1alpha1.ChatThreadStatus, key string) *time.Time {
	former, _ := renewing(status, key)
	if former.ShareHistoryTime == nil {
		return nil
	}
	return &former.ShareHistoryTime.Time
}
