// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// locate finds the thread of the reconcile. For a ChatThread without a known thread it searches: a
// crash, a lost answer or a rebuilt cluster must not create a second one.
func (r *ChatThreadReconciler) locate(ctx context.Context, s situation) (situation, error) {
	if s.isStatusForeign() && s.thread.Adopts() {
		s.disownStatusOnce()
		s.target = target{threadID: s.thread.Spec.ThreadID, origin: originFound}
		return s, nil
	}
	if s.isStatusForeign() {
		if err := r.resetForeignStatus(ctx, s); err != nil {
			return s, err
		}
	}
	switch {
	case s.thread.Status.ThreadID != "":
		s.target = target{threadID: s.thread.Status.ThreadID}
		s.countForUser()
		return s, nil
	case s.memory.threadID != "":
		// This process has newer knowledge than a stale cache, or than a status that somebody emptied.
		s.target = target{threadID: s.memory.threadID}
		return s, nil
	case s.thread.Adopts():
		s.target = target{threadID: s.thread.Spec.ThreadID, origin: originFound}
		return s, nil
	}
	if own := s.ownThreads(); len(own) > 0 {
		s.target = found(own)
		return s, nil
	}
	if err := r.searchDirectory(ctx, s); err != nil {
		return s, err
	}
	candidates, err := r.candidates(ctx, s)
	if err != nil {
		return s, err
	}
	if len(candidates) == 0 {
		return s, s.lostUser()
	}
	s.target = found(candidates)
	return s, nil
}

// found returns the oldest of the threads that may belong to this ChatThread.
func found(candidates []directory.Stamp) target {
	t := target{threadID: candidates[0].ID, origin: originFound}
	for _, other := range candidates[1:] {
		t.others = append(t.others, other.ID)
	}
	return t
}

// resetForeignStatus resets a ChatThread with the status of another uid, in one write, to one
// without a thread.
func (r *ChatThreadReconciler) resetForeignStatus(ctx context.Context, s situation) error {
	hadThread := s.thread.Status.ThreadID != ""
	shown := s.dropForeignStatus(time.Now())
	if !hadThread {
		return nil
	}
	return r.store(ctx, s, shown)
}

// ownThreads returns the threads with the uid of this ChatThread: they belong to it even if the
// list is old.
func (s situation) ownThreads() []directory.Stamp {
	return slices.DeleteFunc(s.session.Directory.Find(s.owner(), s.users), func(thread directory.Stamp) bool {
		return thread.UID != string(s.thread.UID) || s.isRuledOut(thread.ID) || s.isDeclined(thread)
	})
}

// countForUser counts the thread for its service user before the thread is read: from the start,
// resyncs keep the distance that all threads need.
func (s situation) countForUser() {
	if user, ok := s.assignedUser(); ok {
		s.session.Assign(s.thread.UID, user)
	}
}

// searchingMessage is shown before lists can be read.
const searchingMessage = "Reading the threads of the service users, so that no second thread is created where one exists."

// pinnedListAge is the maximum age of a list if another cluster may create threads with the same
// service users. One list serves all ChatThreads that are applied together.
const pinnedListAge = 10 * time.Minute

// listNeeded returns the requirements for the lists of threads. Without a finalizer this cluster
// never sent a create, and any list is enough; but if the service users are pinned, other clusters
// may create threads with them, so a list counts for some time only. With a finalizer, a create may
// have been sent by an earlier process or without an answer: only a list that begins some time
// after that shows its thread, and only while it is fresh.
func (r *ChatThreadReconciler) listNeeded(s situation) (directory.Need, error) {
	now := time.Now()
	need := directory.Need{Begun: s.session.Directory.Since(s.owner())}
	switch {
	case s.lostUserID() != "":
		// No create follows this search, so a thread that waits for a person has nothing listed again.
	case s.isUnsure():
		need.Begun = later(need.Begun, s.memory.create.searchFrom(r.workingSince(s.thread.Namespace), r.timing.listAfter))
		need.Ended = now.Add(-r.timing.listFresh)
	case s.session.UsersOf(s.conn).ArePinned():
		need.Ended = now.Add(-pinnedListAge)
	}
	if now.Before(need.Begun) {
		return directory.Need{}, &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: need.Begun.Sub(now), Message: searchingMessage}
	}
	return need, nil
}

// isUnsure reports whether a create may have been sent whose end this process does not know.
func (s situation) isUnsure() bool {
	return !s.memory.create.nothingSent() && (objects.HasFinalizer(s.thread) || s.memory.create.isUnanswered())
}

// searchDirectory returns nil once the directory knows all threads that may belong to this
// ChatThread.
func (r *ChatThreadReconciler) searchDirectory(ctx context.Context, s situation) error {
	need, err := r.listNeeded(s)
	if err != nil {
		return err
	}
	return r.ask(s, directory.Query{
		Users: s.creators(), Need: need, Topic: s.thread.Spec.Topic, Unsure: s.isUnsure(),
		Claims: claimsOf(ctx, r, connectionKey(s.thread)),
	})
}

// ask makes a query of the directory and requests the lists that it needs.
func (r *ChatThreadReconciler) ask(s situation, query directory.Query) error {
	query.Waiter = objects.KeyOf(s.thread)
	query.AtOnce = s.isRequested()
	if s.memory.searchingSince.IsZero() {
		s.memory.searchingSince = time.Now()
	}
	query.Since = s.memory.searchingSince
	users, err := s.session.Directory.Search(query)
	if err == nil {
		s.memory.searchingSince = time.Time{}
	}
	for _, user := range users {
		r.wakeListing(listingKey(connectionKey(s.thread), user))
	}
	return err
}

// creators returns the service users that may have created the thread: the stored one, or any if
// none was stored or nothing was created.
func (s situation) creators() []string {
	if user, ok := s.assignedUser(); ok && objects.HasFinalizer(s.thread) && !s.hasNoThread() {
		return []string{user}
	}
	return s.users
}

// assignedUser returns the service user that acts for the thread, if it belongs to the connection.
func (s situation) assignedUser() (string, bool) {
	ids := []string{s.thread.Status.ServiceUser}
	// The operator stores the annotation together with the finalizer. Without a finalizer somebody
	// else wrote it, and may have named a user that creates no more threads.
	if objects.HasFinalizer(s.thread) {
		ids = []string{s.thread.Annotations[chatv1alpha1.AnnotationServiceUser], s.thread.Status.ServiceUser}
	}
	for _, id := range ids {
		if id != "" && s.users.Contains(id) {
			return id, true
		}
	}
	return "", false
}

// candidates returns the threads that carry the stamp of the ChatThread, that no other one claims,
// and that nobody decided against. A thread with the own uid cannot be claimed.
func (r *ChatThreadReconciler) candidates(ctx context.Context, s situation) ([]directory.Stamp, error) {
	var candidates []directory.Stamp
	for _, candidate := range s.session.Directory.Find(s.owner(), s.users) {
		if s.isRuledOut(candidate.ID) {
			continue
		}
		if candidate.UID != string(s.thread.UID) {
			claimed, err := r.isClaimed(ctx, s, candidate.ID)
			if err != nil {
				return nil, err
			}
			if claimed {
				continue
			}
		}
		candidates = append(candidates, candidate)
	}
	return s.chosen(candidates)
}

// isClaimed reports whether another ChatThread of the connection has the thread in its status. One
// of the same name is no other: an old cache may still show the one that this ChatThread replaced,
// and its thread is the one to be found.
func (r *ChatThreadReconciler) isClaimed(ctx context.Context, s situation, id string) (bool, error) {
	return isClaimedBy(ctx, r, connectionKey(s.thread), id, func(key types.NamespacedName) bool { return key != objects.KeyOf(s.thread) })
}
