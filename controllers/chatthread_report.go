// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/roster"
)

// conclude reports the end of a reconcile: conditions, events, ChatParticipants, and the time of
// the next reconcile.
func (r *ChatThreadReconciler) conclude(ctx context.Context, s situation, err error) (ctrl.Result, error) {
	// Changes must be reported even if the reconcile ran out of time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
	defer cancel()
	o := r.outcomeOf(s, err)
	if requested := objects.ReconcileRequested(s.thread); requested != "" && !o.Quiet {
		s.thread.Status.LastHandledReconcileAt = requested
	}
	patchErr := r.store(ctx, s, o)
	if patchErr != nil {
		objects.Record(ctx, r.Recorder, s.thread, s.events.take())
		return ctrl.Result{Priority: priority(s.caller.Background)}, errors.Join(o.Err, patchErr)
	}
	r.publish(s, o)
	if o.Err != nil {
		return ctrl.Result{Priority: priority(s.caller.Background)}, o.Err
	}
	if o.Ready || o.Stalled {
		r.backoff.End(objects.KeyOf(s.thread))
		s.releaseSlots()
	}
	if o.After > 0 {
		s.resyncSoon()
		return ctrl.Result{RequeueAfter: o.After, Priority: priority(s.caller.Background)}, nil
	}
	s.extendResync()
	return ctrl.Result{RequeueAfter: max(time.Until(s.memory.nextResync), time.Second), Priority: priority(true)}, nil
}

// outcomeOf returns the outcome of a reconcile.
func (r *ChatThreadReconciler) outcomeOf(s situation, err error) outcome.Outcome {
	isRejected := isUnauthorized(err) && s.session != nil
	if isRejected {
		err = r.unauthorized(s, err)
	}
	o := outcome.Classify(err)
	o.Quiet = o.Quiet || s.waitsForProbe(err, time.Now())
	if !isRejected && !o.Quiet {
		s.memory.unauthorized = false
	}
	if o.Ready {
		o.Message = s.readyMessage()
	}
	if !s.thread.DeletionTimestamp.IsZero() && o.Message != "" && !strings.Contains(o.Message, abandonHint) {
		o.Message += " " + abandonHint
	}
	o.Quiet = o.Quiet || s.isShortWaitForDrift(o)
	return o
}

// isShortWaitForDrift reports whether a reconcile that only looks for drift must wait for a short
// time, which is not worth a change of status.
func (s situation) isShortWaitForDrift(o outcome.Outcome) bool {
	return s.caller.Background && o.Reason == chatv1alpha1.ReasonThrottled && s.caller.IsQuietWait(o.After, o.After)
}

// resyncSoon makes the next reconcile start a resync, if this one could not read the thread because
// of the quota.
func (s situation) resyncSoon() {
	if s.caller.Background && s.have == nil {
		s.memory.nextResync = time.Now()
	}
}

// releaseSlots gives unused slots of the reconcile to other threads.
func (s situation) releaseSlots() {
	if s.session != nil {
		s.session.Pacer.Release(s.thread.UID)
	}
}

// extendResync delays the next resync if the service user has too many threads for the quota on
// reads.
func (s situation) extendResync() {
	if s.session != nil && s.user != nil {
		s.memory.extendResync(s.session.ResyncFloor(s.user.ID), resyncInterval(s.thread))
	}
}

// unauthorized separates two causes of 401. After a rejected credential, the connection reads its
// Secret again, because the key may have been rotated. A rejected new token concerns this thread
// only.
func (r *ChatThreadReconciler) unauthorized(s situation, err error) error {
	hint := ""
	if !s.thread.DeletionTimestamp.IsZero() {
		hint = " " + abandonHint
	}
	if _, noToken := errors.AsType[*acs.TokenError](err); noToken {
		_ = s.session.CredentialRejected(err)
		r.wakeConnection(objects.KeyOf(s.conn))
		return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: time.Second,
			Message: fmt.Sprintf("ACS refused the credential of ChatConnection %s (401).", objects.KeyOf(s.conn)) + hint}
	}
	refused := &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Suffix: hint, Err: err}
	if !s.memory.unauthorized {
		// A new token may not be known everywhere yet.
		s.memory.unauthorized, refused.After = true, connection.RefusedInterval
	}
	return refused
}

// readyMessage returns the message for a thread that is as declared.
func (s situation) readyMessage() string {
	message := fmt.Sprintf("The thread is as declared; %s participants are in it.", s.thread.Status.Joined)
	if len(s.memory.sent) > 0 {
		fields := slices.Sorted(maps.Keys(s.memory.sent))
		message += " ACS holds a different form of what was sent for " + strings.Join(fields, ", ") + "."
	}
	return message
}

// publish reports to each ChatParticipant its state.
func (r *ChatThreadReconciler) publish(s situation, o outcome.Outcome) {
	// An outage that the thread shows already also concerns ChatParticipants that were added since.
	isNews := !o.Quiet || o.Reason == chatv1alpha1.ReasonServiceUnavailable && s.saysUnavailable()
	if !isNews || !s.thread.DeletionTimestamp.IsZero() {
		return
	}
	unknown := s.unknownEntry(o)
	lines := make([]roster.Line, 0, len(s.counted)+len(s.deleted))
	add := func(p *chatv1alpha1.ChatParticipant, entry roster.Entry) {
		entry.Generation = p.Generation
		lines = append(lines, roster.Line{Key: objects.KeyOf(p), UID: p.UID, Entry: entry})
	}
	duplicates := map[string]bool{}
	for _, m := range s.results.Duplicates {
		duplicates[string(m.Participant)] = true
	}
	for i := range s.counted {
		p := &s.counted[i]
		add(p, entryOf(s.results, p, duplicates[string(p.UID)], unknown))
	}
	for i := range s.deleted {
		entry := unknown
		if s.membersDone {
			entry.State = roster.Removed
		}
		add(&s.deleted[i], entry)
	}
	r.roster.Publish(s.thread.UID, lines)
}

// unknownEntry is the entry of a ChatParticipant for which the reconcile has no result.
func (s situation) unknownEntry(o outcome.Outcome) roster.Entry {
	entry := roster.Entry{State: roster.Unknown, ThreadID: s.thread.Status.ThreadID, Reason: chatv1alpha1.ReasonThreadNotReady,
		Message: fmt.Sprintf("ChatThread %s is not ready (%s).", s.thread.Name, o.Reason)}
	switch o.Reason {
	case chatv1alpha1.ReasonAccessLost, chatv1alpha1.ReasonCredentialsLost, chatv1alpha1.ReasonNamespaceNotAllowed:
		entry.State = roster.AccessLost
	case chatv1alpha1.ReasonThreadGone, chatv1alpha1.ReasonOwnedByAnother:
		entry.State = roster.NotManaged
	}
	if s.thread.Observes() {
		entry.State = roster.NotManaged
		entry.Message = fmt.Sprintf("ChatThread %s only observes (managementPolicy Observe) and adds nobody.", s.thread.Name)
	}
	return entry
}

// entryOf returns the entry of one ChatParticipant from the results; unknown if they do not contain
// it.
func entryOf(results plan.Results, p *chatv1alpha1.ChatParticipant, isDuplicate bool, unknown roster.Entry) roster.Entry {
	key := acs.UserKey(string(p.Spec.UserID))
	refusal, isRefused := results.Refused[key]
	refused := roster.Entry{State: roster.Rejected, ThreadID: unknown.ThreadID, Reason: chatv1alpha1.ReasonRejected}
	switch {
	case isDuplicate:
		refused.Reason = chatv1alpha1.ReasonDuplicate
		refused.Message = "The same user is declared elsewhere for this thread: inline, or by an older ChatParticipant."
		return refused
	case results.Joined[key] && !isRefused:
		return roster.Entry{State: roster.Joined, ThreadID: unknown.ThreadID}
	case isRefused:
		if refusal.Reason != "" {
			refused.Reason = refusal.Reason
		}
		refused.Message = refusal.Text()
		return refused
	default:
		return unknown
	}
}

// priority returns the priority of the next reconcile of an object. A reconcile that only looks for
// drift yields to all others, like those at the start of the process. A change of the object raises
// it.
func priority(background bool) *int {
	if background {
		return new(handler.LowPriority)
	}
	return new(0)
}

// probeGrace is how long a background reconcile waits for a probe before its thread shows the
// outage: a single call without an answer may concern another thread.
const probeGrace = time.Minute

// waitsForProbe reports whether err is the wait for a probe of the endpoint, and not worth a status
// write: the status already shows it, or nobody requested this reconcile.
func (s situation) waitsForProbe(err error, now time.Time) bool {
	if !errors.Is(err, connection.ErrAwaitsProbe) {
		s.memory.probeWaitSince = time.Time{}
		return false
	}
	if s.memory.probeWaitSince.IsZero() {
		s.memory.probeWaitSince = now
	}
	return s.saysUnavailable() || s.caller.Background && now.Sub(s.memory.probeWaitSince) < probeGrace
}

// saysUnavailable reports whether the status already shows a service that does not answer.
func (s situation) saysUnavailable() bool {
	ready := apimeta.FindStatusCondition(s.before.Status.Conditions, chatv1alpha1.ConditionReady)
	return ready != nil && ready.Reason == chatv1alpha1.ReasonServiceUnavailable && ready.ObservedGeneration == s.thread.Generation
}
