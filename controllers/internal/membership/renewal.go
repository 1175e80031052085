// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
// more, not even a ChatParticipant that does not count yet. The declaration must be verified: a
// dropped member is lost.
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

// drop ends the memory of a member that was out: it is in the thread again, or given up.
func (w *Calls) drop(key string) {
	w.Status.Renewing = slices.DeleteFunc(w.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool { return acs.UserKey(r.UserID) == key })
}

// storeRenewing stores the state of members before they are removed. Nobody else is out: the status
// holds one batch at most.
func (w *Calls) storeRenewing(ctx context.Context, renewals []plan.Renewal) error {
	w.Status.Renewing = make([]chatv1alpha1.RenewingParticipant, 0, len(renewals))
	for _, renewal := range renewals {
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
// window, with one call to add them. As long as one member is out and did not come back, no other
// one is removed: ACS may refuse them all.
func (w *Calls) renewAll(ctx context.Context, renewals []plan.Renewal) error {
	for len(renewals) > 0 && len(w.Status.Renewing) == 0 {
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
	return w.hold(renewals)
}

// errNotBack waits for members that are out, and that ACS did not refuse: the declaration of one
// may be about to count.
var errNotBack error = &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: outcome.ThrottleWait,
	Message: "Members wait to be changed until those are back that were removed for a change; the operator adds these first."}

// hold reports the members that are not renewed because somebody is out. They stay as they are.
func (w *Calls) hold(renewals []plan.Renewal) error {
	if len(renewals) == 0 {
		return nil
	}
	out := slices.IndexFunc(w.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool {
		_, refused := w.Results.Refused[acs.UserKey(r.UserID)]
		return refused
	})
	if out < 0 {
		return errNotBack
	}
	for _, renewal := range renewals {
		w.Results.Refused[renewal.Declared.Key()] = plan.Refusal{
			Participant: renewal.Declared.Participant, Generation: renewal.Declared.Generation, Reason: chatv1alpha1.ReasonRejected,
			Message: fmt.Sprintf("The user stays as declared before until %s is back, who was removed for a change: correct or remove that user in spec.participants, or its ChatParticipant.",
				w.Status.Renewing[out].UserID),
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
		w.present--
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
// back in its former state. If ACS takes it in no form, the member stays in status.renewing. It
// shows as refused, and comes back with its history later.
func (w *Calls) bringBack(ctx context.Context, members []plan.Member) error {
	ctx = pacing.WithoutPacing(ctx)
	var err error
	for batch := range slices.Chunk(members, MaxBatch) {
		err = errors.Join(err, w.addBatch(ctx, batch, w.isolate))
	}
	var out []chatv1alpha1.RenewingParticipant
	for _, m := range members {
		_, refused := w.Results.Refused[m.Key()]
		if former, isOut := renewing(w.Status, m.Key()); refused && isOut {
			out = append(out, former)
		}
	}
	refused, restoreErr := w.restore(ctx, out)
	for _, former := range out {
		key := acs.UserKey(former.UserID)
		if _, isOut := renewing(w.Status, key); !isOut {
			refusal := w.Results.Refused[key]
			refusal.Kept = true
			set(&w.Memory.kept, key, refusal)
			w.Results.Refused[key] = refusal
			w.Results.Joined[key] = true
		} else if _, isRefused := refused[key]; !isRefused {
			// A remembered refusal would keep the member out until the next resync.
			delete(w.Memory.Refused, key)
		}
	}
	return errors.Join(err, restoreErr)
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
