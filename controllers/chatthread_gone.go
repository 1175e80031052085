// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const (

	// aliveInterval is the time between two tries to read a thread that ACS lists and does not find.
	aliveInterval = 2 * time.Minute
)

// accessLost ends a reconcile of a thread that the service user may not see.
func (r *ChatThreadReconciler) accessLost(s situation) error {
	if rest := s.memory.inaccessible.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: rest,
			Message: fmt.Sprintf("ACS refuses to show thread %s (403); the operator reads it again to confirm that.", s.threadID)}
	}
	if err := s.lostUser(); err != nil {
		return err
	}
	if s.isFound() && s.thread.Adopts() {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonAccessLost,
			Message: fmt.Sprintf("No service user is a member of thread %s (403). Add one of them to it: %s.", s.threadID, strings.Join(s.users, ", "))}
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonAccessLost,
		Message: fmt.Sprintf("Service user %s may not see thread %s (403). Add it to the thread again; or, if other threads say the same, let the operator in by the network rules of the ACS resource.",
			s.user.ID, s.threadID)}
}

// lostUser returns an error if the connection does not know the service user that acts for the
// thread: somebody replaced the ChatConnection, or restored the ChatThread without it. The other
// users cannot list the thread of that one, and may get a 404 for it, so a thread that they miss is
// no reason to create a thread, to recreate one, or to let a deletion end.
func (s situation) lostUser() error {
	user := s.lostUserID()
	if user == "" {
		return nil
	}
	wayOut := fmt.Sprintf("If ACS has no such user any more, remove the annotation %s of the ChatThread: the other service users then decide whether there is a thread.", chatv1alpha1.AnnotationServiceUser)
	switch {
	case !s.thread.DeletionTimestamp.IsZero():
		wayOut = abandonHint
	case s.thread.Annotations[chatv1alpha1.AnnotationServiceUser] == "":
		wayOut = fmt.Sprintf("If ACS has no such user any more, delete this ChatThread with the annotation %s: \"true\" and create it again, for a new thread.", chatv1alpha1.AnnotationAbandon)
	default:
		s.memory.isUserLost = true
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonAccessLost,
		Message: fmt.Sprintf("Service user %s acts for thread %s, and ChatConnection %s does not know it: the ChatConnection was replaced. Put the id into spec.serviceUsers.ids of the ChatConnection. %s",
			outcome.Sanitize(user, outcome.MaxMessage), cmp.Or(s.threadID, s.shownID()), connectionKey(s.thread), wayOut)}
}

// lostUserID returns the service user that may have made a thread for this ChatThread, if the
// connection does not know it; otherwise nothing. The annotation counts first. The status counts as
// well while it has a thread id, unless a person removed the annotation because its user is lost.
func (s situation) lostUserID() string {
	user := s.thread.Annotations[chatv1alpha1.AnnotationServiceUser]
	if user == "" && !s.memory.isUserLost && s.hasStoredThread() {
		user = s.thread.Status.ServiceUser
	}
	if user == "" || !objects.HasFinalizer(s.thread) || s.hasNoThread() || s.users.Contains(user) {
		return ""
	}
	return user
}

// hasStoredThread reports whether the status, or this process, knows the id of the thread.
func (s situation) hasStoredThread() bool {
	return s.thread.Status.ThreadID != "" || s.memory.threadID != ""
}

// mayNotChange returns the error for a refused change of a thread that the service user can read.
func (r *ChatThreadReconciler) mayNotChange(s situation, err error) error {
	if rest := s.memory.unchangeable.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonUpdating, After: rest,
			Message: fmt.Sprintf("ACS refused to %s (403) in thread %s, which it shows; the operator tries again to confirm that.", outcome.Attempted(err), s.threadID)}
	}
	return &outcome.Refused{Reason: chatv1alpha1.ReasonAccessLost, Err: err,
		Prefix: fmt.Sprintf("Service user %s may read thread %s, but not change it. ", s.user.ID, s.threadID),
		Suffix: " In the chat of a Teams meeting that stays so: use managementPolicy Observe."}
}

// targetMissing handles a thread that ACS does not find. One such answer is not enough to treat it
// as gone.
func (r *ChatThreadReconciler) targetMissing(ctx context.Context, s situation) error {
	if s.isFound() && s.thread.Adopts() && s.thread.Recreation() != chatv1alpha1.RecreationRecreate {
		return r.foundThreadGone(ctx, s)
	}
	if err := s.checkNotTakenBefore(); err != nil {
		return err
	}
	if err := r.confirmMissing(s, time.Now()); err != nil {
		return err
	}
	if !s.isFound() {
		if err := s.lostUser(); err != nil {
			return err
		}
	}
	if err := r.checkNotListed(s); err != nil {
		return err
	}
	if s.isFound() {
		return r.foundThreadGone(ctx, s)
	}
	return r.recreateOrStall(ctx, s)
}

// confirmMissing returns a wait until ACS did not find the thread for long enough, and the thread
// is old enough for that.
func (r *ChatThreadReconciler) confirmMissing(s situation, now time.Time) error {
	if s.memory.missingSince.IsZero() {
		s.memory.missingSince = now
	}
	certain := s.memory.missingSince.Add(r.timing.goneConfirm)
	if created := s.thread.Status.CreatedOn; created != nil {
		certain = later(certain, created.Add(r.timing.goneAge))
	}
	if !now.Before(certain) {
		return nil
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: max(certain.Sub(now), time.Second),
		Message: fmt.Sprintf("ACS does not find thread %s (404); the operator reads it again to confirm that.", s.threadID)}
}

// checkNotListed requires the list of the service user before a missing thread counts as gone: a
// thread that is listed as not deleted still exists.
func (r *ChatThreadReconciler) checkNotListed(s situation) error {
	m := s.memory
	if m.notListed {
		return nil
	}
	need := directory.Need{Begun: m.missingSince, Ended: time.Now().Add(-aliveInterval)}
	if err := r.ask(s, directory.Query{Users: []string{s.user.ID}, Need: need, ListsOnly: true}); err != nil {
		return err
	}
	listed := s.session.Directory.Listed(s.user.ID)
	if listed[s.threadID] {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable, After: aliveInterval,
			Message: fmt.Sprintf("ACS does not find thread %s (404), and lists it among the threads of service user %s. As long as it does, no other thread is created.", s.threadID, s.user.ID)}
	}
	m.notListed, m.listedBefore = true, listed
	return nil
}

// foundThreadGone handles a thread that was found, or is to be adopted, and no longer exists.
func (r *ChatThreadReconciler) foundThreadGone(ctx context.Context, s situation) error {
	if s.thread.Adopts() {
		if err := r.findReplacement(ctx, s); err != nil {
			return err
		}
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonThreadGone,
			Message: fmt.Sprintf("spec.threadID: ACS knows no thread %s. None is created; delete this ChatThread and create it with the right id.", s.threadID)}
	}
	s.memory.missingSince, s.memory.notListed = time.Time{}, false
	s.session.Directory.Drop(s.threadID)
	return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, Message: searchingMessage, After: time.Second}
}

// findReplacement returns a wait if ACS has a thread that was created in the place of the one in
// spec.threadID: that one was adopted and deleted at ACS, and the status that says so was lost. The
// ChatThread gets the status of one that adopts no more, and finds the thread by its stamp.
func (r *ChatThreadReconciler) findReplacement(ctx context.Context, s situation) error {
	if s.thread.Recreation() != chatv1alpha1.RecreationRecreate || s.thread.Observes() {
		return nil
	}
	if err := r.searchDirectory(ctx, s); err != nil {
		return err
	}
	// The replacement may be among them.
	s.memory.listedBefore = nil
	s.session.Directory.Drop(s.threadID)
	replacements, err := r.candidates(ctx, s)
	if err != nil || len(replacements) == 0 {
		return err
	}
	s.memory.clearMissing()
	if s.isStatusForeign() {
		s.dropForeignStatus(time.Now())
	}
	s.thread.Status.Incarnation = max(s.thread.Status.Incarnation, 1)
	again := &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: time.Second,
		Message: fmt.Sprintf("Thread %s of spec.threadID no longer exists at ACS; the operator takes the one that replaced it.", s.threadID)}
	if err := r.store(ctx, s, outcome.Classify(again)); err != nil {
		return err
	}
	return again
}

// checkNotTakenBefore returns an error if the thread that is gone belonged to another cluster or
// resource: that one decides on another thread. Two that create one each would make two rooms.
func (s situation) checkNotTakenBefore() error {
	_, reason := objects.ReadyReason(s.before)
	wasTaken := reason == chatv1alpha1.ReasonOwnedByAnother && !s.isFound() && !s.thread.Observes()
	if !wasTaken || s.thread.Recreation() != chatv1alpha1.RecreationRecreate || s.memory.isRecreationAsked(s.thread, s.conn) {
		return nil
	}
	s.memory.holdRecreation(s.conn)
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonOwnedByAnother, Message: fmt.Sprintf(
		"Thread %s, which another cluster or resource had taken, no longer exists at ACS. Delete this ChatThread; or, for a new, empty thread, set the annotation %s to a new value.",
		s.threadID, chatv1alpha1.AnnotationReconcileRequestedAt)}
}

// recreateOrStall handles a thread that was deleted at ACS. It creates another one, unless the
// ChatThread forbids that or too many threads vanish at once.
func (r *ChatThreadReconciler) recreateOrStall(ctx context.Context, s situation) error {
	if err := s.checkNotTakenBefore(); err != nil {
		return err
	}
	nobody := plan.NewResults(s.declared())
	nobody.Count(&s.thread.Status)
	recreate := s.thread.Recreation() == chatv1alpha1.RecreationRecreate
	switch {
	case s.thread.Observes() && recreate:
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: "would " + plan.For(s.declared(), nil, plan.Tried{}).String()}
	case s.thread.Adopts() && !recreate:
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonThreadGone,
			Message: fmt.Sprintf("Thread %s no longer exists at ACS. Set recreationPolicy to Recreate for a new, empty thread, or delete this ChatThread.", s.threadID)}
	case !recreate:
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonThreadGone,
			Message: fmt.Sprintf("Thread %s no longer exists at ACS and recreationPolicy is Never. Set it to Recreate for a new, empty thread, or delete this ChatThread.", s.threadID)}
	}
	if !s.memory.isRecreationAsked(s.thread, s.conn) && (s.memory.recreationHeld || !s.session.MayRecreate(s.thread.UID, s.thread.Status.Incarnation, time.Now())) {
		s.memory.holdRecreation(s.conn)
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonThreadGone,
			Message: fmt.Sprintf("Thread %s no longer exists at ACS. More than %d threads of this connection vanished within %s, so no other thread is created before you set the annotation %s to a new value, on this ChatThread, or on ChatConnection %s for all of its threads.",
				s.threadID, connection.MaxRecreations, connection.RecreationWindow, chatv1alpha1.AnnotationReconcileRequestedAt, connectionKey(s.thread))}
	}
	recreations.Inc()
	// Lists may still show the thread. Put prevents that its stamp is read again.
	s.session.Directory.Put(directory.Stamp{ID: s.threadID})
	return r.nextIncarnation(ctx, s, s.threadID, fmt.Sprintf("Thread %s no longer exists at ACS; creating another one", s.threadID),
		"The thread was deleted at ACS; a new one is created.")
}

// nextIncarnation resets the ChatThread, in one write, to one without a thread. note is an event.
func (r *ChatThreadReconciler) nextIncarnation(ctx context.Context, s situation, threadID, note, message string) error {
	s.events.warn(chatv1alpha1.ReasonThreadGone, "%s", note)
	s.memory.create.lost(threadID)
	s.memory.threadID = ""
	// The next thread is not missing yet, even if this write fails and a later one succeeds.
	s.memory.missingSince, s.memory.notListed = time.Time{}, false

	status := &s.thread.Status
	status.Incarnation++
	s.memory.incarnation = status.Incarnation
	status.IncarnationSince = objects.StatusTime(time.Now())
	status.ThreadID, status.CreatedOn = "", nil
	status.Joined, status.Participants, status.Rejected, status.Renewing = "", nil, nil, nil
	again := &outcome.Wait{Reason: chatv1alpha1.ReasonCreating, After: 10 * time.Millisecond, Message: message}
	if err := r.store(ctx, s, outcome.Classify(again)); err != nil {
		return err
	}
	s.memory.clearMissing()
	return again
}
