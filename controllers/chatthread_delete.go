// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/uninstall"
)

// finalize deletes or releases the thread and then removes the finalizer of the ChatThread.
func (r *ChatThreadReconciler) finalize(ctx context.Context, s situation) (situation, error) {
	if !objects.HasFinalizer(s.thread) {
		s.released = true
		return s, nil
	}
	if s.isStatusForeign() {
		if s.thread.Adopts() {
			s.origin = originFound
		} else {
			s.dropForeignStatus(time.Now())
		}
	}
	if s.hasNoThread() {
		return r.removeFinalizer(ctx, s)
	}
	if stays, err := r.keepsThread(ctx, s); err != nil {
		return s, err
	} else if stays {
		return r.removeFinalizer(ctx, s)
	}
	s.caller = s.newCaller()
	ctx = pacing.WithCaller(ctx, s.caller)
	s, err := r.connectToDelete(ctx, s)
	if err != nil {
		return s, err
	}
	targets, err := r.threadsToDelete(ctx, s)
	if err != nil {
		return s, err
	}
	for _, t := range targets {
		s.target = t
		if s, err = r.deleteOrRelease(ctx, s); err != nil {
			return s, err
		}
	}
	return r.removeFinalizer(ctx, s)
}

// keepsThread reports whether a deletion keeps the thread as it is, with its stamp: because a
// person asked for that, or because the operator is being uninstalled.
func (r *ChatThreadReconciler) keepsThread(ctx context.Context, s situation) (bool, error) {
	note := "Released thread %s without calling ACS; it still exists"
	if !objects.IsAbandoned(s.thread) && !s.thread.Observes() {
		if s.memory.deletionSeen.IsZero() {
			s.memory.deletionSeen = time.Now()
		}
		if lag := r.uninstall.Lag(s.memory.deletionSeen); lag > 0 {
			return false, &outcome.Wait{Reason: chatv1alpha1.ReasonDeleting, After: lag, Message: uninstall.LagMessage}
		}
		uninstalled, err := r.uninstall.IsUninstalled(ctx, uninstall.Threads)
		if err != nil || !uninstalled {
			return false, err
		}
		note = "The operator is being uninstalled: thread %s stays at ACS, and is found again by a ChatThread of this name"
	}
	if s.thread.Status.ThreadID != "" {
		s.events.add(chatv1alpha1.EventReleased, note, s.thread.Status.ThreadID)
	}
	r.forgetThread(s)
	return true, nil
}

// forgetThread makes the next search read the thread: its stamp was not checked while this
// ChatThread had it, and its service user may have been removed from it since. If no id is known, a
// create may have been sent nevertheless, and the next ChatThread of this name needs a newer list.
func (r *ChatThreadReconciler) forgetThread(s situation) {
	retained, ok := r.Sessions.GetForDeletion(connectionKey(s.thread))
	if !ok || s.hasNoThread() {
		return
	}
	if id := cmp.Or(s.thread.Status.ThreadID, s.memory.threadID); id != "" {
		retained.Directory.Forget(id)
		return
	}
	retained.Directory.RequireSince(s.owner(), s.memory.create.searchFrom(r.workingSince(s.thread.Namespace), r.timing.listAfter))
}

// removeFinalizer releases the ChatThread. If other finalizers remain, its status describes the end
// of the thread.
func (r *ChatThreadReconciler) removeFinalizer(ctx context.Context, s situation) (situation, error) {
	if len(s.thread.Finalizers) > 1 && s.memory.markedDeleting {
		objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonDeleting, Message: fmt.Sprintf(
			"Thread %s was deleted or released at ACS. The resource waits for others, by its finalizers.", s.shownID())})
		if err := r.storeStatus(ctx, s); err != nil {
			return s, err
		}
	}
	if err := r.Store.RemoveFinalizer(ctx, s.thread); err != nil {
		return s, err
	}
	r.Sessions.ForgetThread(s.thread.UID)
	s.released = true
	return s, nil
}

// connectToDelete finds the clients for a deletion. Only for deletions, the credentials outlive
// their Secret. A namespace that may no longer use the connection may still delete the threads that
// it created.
func (r *ChatThreadReconciler) connectToDelete(ctx context.Context, s situation) (situation, error) {
	key := connectionKey(s.thread)
	s.conn = &chatv1alpha1.ChatConnection{}
	err := r.getConnection(ctx, key, s.conn)
	switch {
	case err == nil:
		s.session, err = r.Sessions.Get(ctx, s.conn)
		s.users = connection.UsersOf(s.conn).Usable()
	case apierrors.IsNotFound(err):
		err = &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotFound, After: connection.UnreadyInterval,
			Message: fmt.Sprintf("ChatConnection %s does not exist, so the thread cannot be deleted. %s", key, abandonHint)}
		s.conn = &chatv1alpha1.ChatConnection{}
		s.conn.Namespace, s.conn.Name = key.Namespace, key.Name
	default:
		return s, fmt.Errorf("get ChatConnection: %w", err)
	}
	if err != nil {
		if s.session, err = r.retained(ctx, s, err); err != nil {
			return s, err
		}
		s.users = s.users.With(s.session.UsersKnown()...)
	}
	if err := s.checkUsers(); err != nil {
		return s, err
	}
	s.tryAtOnce()
	return s, nil
}

// retained returns the clients whose credentials are still in memory; why is the error of the
// connection.
func (r *ChatThreadReconciler) retained(ctx context.Context, s situation, why error) (*connection.Connection, error) {
	key := connectionKey(s.thread)
	o := outcome.Classify(why)
	if o.Quiet {
		return nil, why
	}
	if retained, usable := r.Sessions.GetForDeletion(key); usable && o.Reason != chatv1alpha1.ReasonAuthenticationFailed {
		return retained, nil
	}
	terminating, err := r.isTerminating(ctx, key.Namespace)
	if err != nil {
		return nil, err
	}
	if terminating && (o.Reason == chatv1alpha1.ReasonSecretNotFound || o.Reason == chatv1alpha1.ReasonConnectionNotFound) {
		return nil, &outcome.Stalled{Reason: chatv1alpha1.ReasonCredentialsLost,
			Message: fmt.Sprintf("The credentials went with namespace %s before thread %s was deleted. %s", key.Namespace, s.shownID(), abandonHint)}
	}
	if o.Reason == chatv1alpha1.ReasonConnectionNotFound {
		return nil, why
	}
	if r.Sessions.IsUnreported(key) {
		r.wakeConnection(key)
	}
	return nil, &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
		Message: fmt.Sprintf("ChatConnection %s is not ready (%s), so the thread cannot be deleted. %s", key, o.Reason, abandonHint)}
}

// shownID is the id of the thread for a message.
func (s situation) shownID() string {
	if s.thread.Status.ThreadID != "" {
		return s.thread.Status.ThreadID
	}
	return "(id unknown, stamped " + s.owner() + ")"
}

// threadsToDelete returns the threads that this ChatThread created or adopted. If no id was stored,
// a create may have been sent nevertheless: it searches for the threads with the uid of this
// ChatThread.
func (r *ChatThreadReconciler) threadsToDelete(ctx context.Context, s situation) ([]target, error) {
	switch {
	case s.thread.Status.ThreadID != "":
		return []target{{threadID: s.thread.Status.ThreadID, origin: s.origin}}, nil
	case s.memory.threadID != "":
		return []target{{threadID: s.memory.threadID, origin: s.origin}}, nil
	case s.thread.Adopts():
		// A namespace that may not use the connection cannot have adopted a thread through it.
		allowed, err := r.access.Allow(ctx, s.thread.Namespace, s.conn)
		if err != nil || !allowed {
			return nil, err
		}
		return []target{{threadID: s.thread.Spec.ThreadID, origin: originFound}}, nil
	}
	if err := r.searchDirectory(ctx, s); err != nil {
		return nil, err
	}
	var targets []target
	for _, stamp := range s.session.Directory.Find(s.owner(), s.users) {
		if stamp.UID == string(s.thread.UID) {
			targets = append(targets, target{threadID: stamp.ID, origin: originFound})
		}
	}
	if len(targets) == 0 {
		return nil, s.lostUser()
	}
	return targets, nil
}

// deleteOrRelease deletes or releases one thread. A thread of another ChatThread is not changed.
func (r *ChatThreadReconciler) deleteOrRelease(ctx context.Context, s situation) (situation, error) {
	s, properties, err := r.readThread(ctx, s)
	if !directory.IsInaccessible(err) {
		s.memory.contradicted.end()
	} else if err := r.confirmRefusal(ctx, s, err); err != nil {
		return s, err
	}
	switch {
	case acs.HasStatus(err, http.StatusNotFound), err == nil && properties.DeletedOn != nil:
		s.session.Directory.Drop(s.threadID)
		return s, nil
	case acs.HasStatus(err, http.StatusForbidden):
		return s, r.mayNotDelete(s)
	case err != nil:
		return s, outcome.CallFailed("read the thread", err)
	}
	mine, err := r.isMine(ctx, s, properties)
	switch {
	case err != nil:
		return s, err
	case !mine:
		// An adoption that did not happen is not reported.
		if !s.isFound() {
			s.events.warn(chatv1alpha1.ReasonOwnedByAnother, "Did not touch thread %s: it carries the stamp of another ChatThread", s.threadID)
		}
		// The thread may belong to an earlier ChatThread of this name, and the next one takes it over.
		s.session.Directory.Forget(s.threadID)
		return s, nil
	case s.thread.Deletion() == chatv1alpha1.DeletionRetain:
		err = r.releaseThread(ctx, s)
	default:
		err = r.deleteThread(ctx, s)
	}
	if err == nil {
		s.session.Directory.Drop(s.threadID)
	}
	return s, err
}

// confirmRefusal returns nil if other calls agree that the thread is gone or hidden. ACS hides the
// members of threads that exist, so a thread that it does not find must then be missing twice. A
// stored thread may be that of a user that the connection does not know.
func (r *ChatThreadReconciler) confirmRefusal(ctx context.Context, s situation, refused error) error {
	if err := directory.ConfirmService(ctx, s.user.Lister()); err != nil {
		return err
	}
	status, err := directory.ConfirmInaccessible(ctx, s.client())
	if err != nil {
		return err
	}
	if !acs.HasStatus(refused, http.StatusNotFound) {
		s.memory.contradicted.end()
		return nil
	}
	if status != http.StatusNotFound {
		if rest := s.memory.contradicted.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonDeleting, After: rest, Message: fmt.Sprintf(
				"ACS does not find thread %s (404) and refuses to list its members (403); the operator asks again to confirm that it is gone.", s.threadID)}
		}
	}
	if s.isFound() {
		return nil
	}
	return s.lostUser()
}

// mayNotDelete ends a deletion by a user that may not see the thread. A thread that was to be
// adopted never belonged to this ChatThread.
func (r *ChatThreadReconciler) mayNotDelete(s situation) error {
	if s.isFound() && s.thread.Adopts() {
		return nil
	}
	if rest := s.memory.inaccessible.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonDeleting, After: rest,
			Message: fmt.Sprintf("ACS refuses to show or delete thread %s (403); the operator tries again to confirm that.", s.threadID)}
	}
	if err := s.lostUser(); err != nil {
		return err
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonAccessLost,
		Message: fmt.Sprintf("Service user %s may not see thread %s (403), so it cannot be deleted. Add the user to the thread again. %s", s.user.ID, s.threadID, abandonHint)}
}

// deleteThread deletes the thread at ACS.
func (r *ChatThreadReconciler) deleteThread(ctx context.Context, s situation) error {
	if err := r.checkNoAdopter(ctx, s); err != nil {
		return err
	}
	if err := r.checkMaxDeletions(ctx, s); err != nil {
		return err
	}
	if err := r.markDeleting(ctx, s, "Deleting"); err != nil {
		return err
	}
	_, err := s.user.Chat.DeleteThread(ctx, s.threadID, nil)
	switch {
	case acs.HasStatus(err, http.StatusForbidden):
		return r.mayNotDelete(s)
	case err != nil && !acs.HasStatus(err, http.StatusNotFound):
		return outcome.CallFailed("delete the thread", err)
	}
	countChange(threadDeleted, causeSpec, 1)
	s.events.add(chatv1alpha1.EventDeleted, "Deleted thread %s", s.threadID)
	return nil
}

// checkNoAdopter holds the deletion of a thread that another ChatThread is to adopt. A user that
// renames a ChatThread, and forgets to set deletionPolicy Retain on the former one, must not lose
// the thread.
func (r *ChatThreadReconciler) checkNoAdopter(ctx context.Context, s situation) error {
	threads := &chatv1alpha1.ChatThreadList{}
	if err := r.List(ctx, threads, client.MatchingFields{indexAdopts: s.threadID}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list ChatThreads: %w", err)
	}
	for i := range threads.Items {
		other := &threads.Items[i]
		mayAdopt := other.Namespace == s.thread.Namespace || objects.KeyOf(other).String() == s.releasedTo()
		if other.UID == s.thread.UID || !mayAdopt || other.Observes() || !other.DeletionTimestamp.IsZero() || connectionKey(other) != connectionKey(s.thread) {
			continue
		}
		return &outcome.Wait{Reason: chatv1alpha1.ReasonDeleting, After: connection.UnreadyInterval, Message: fmt.Sprintf(
			"ChatThread %s waits to adopt thread %s. Set deletionPolicy to Retain to hand it over; to have it deleted, delete that ChatThread first.",
			objects.KeyOf(other), s.threadID)}
	}
	return nil
}

// isMine reports whether the thread belongs to this ChatThread. The stamp decides. A thread with an
// emptied stamp counts as ours only if the ChatThread had the thread before and may still use the
// connection.
func (r *ChatThreadReconciler) isMine(ctx context.Context, s situation, properties acs.ThreadProperties) (bool, error) {
	switch properties.Metadata[chatv1alpha1.StampUID] {
	case string(s.thread.UID):
		return true, nil
	case "":
		if s.isFound() || s.isReleasedByAnother(properties.Metadata) {
			return false, nil
		}
		return r.access.Allow(ctx, s.thread.Namespace, s.conn)
	default:
		return false, nil
	}
}

// releaseThread empties the stamp, so that another ChatThread can adopt the thread, and names the
// ChatThread that released it. Before that, the members that were out for a renewal are back.
func (r *ChatThreadReconciler) releaseThread(ctx context.Context, s situation) error {
	if err := r.markDeleting(ctx, s, "Releasing"); err != nil {
		return err
	}
	if err := r.returnRenewed(ctx, s); err != nil {
		return err
	}
	stamp := map[string]string{chatv1alpha1.StampOwner: "", chatv1alpha1.StampUID: "", chatv1alpha1.StampReleasedBy: s.owner()}
	if to := s.releasedTo(); to != "" {
		stamp[chatv1alpha1.StampReleasedTo] = to
	}
	_, err := s.client().UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{Metadata: stamp})
	if err != nil && !acs.HasStatus(err, http.StatusNotFound) {
		return outcome.CallFailed("release the thread", err)
	}
	s.events.add(chatv1alpha1.EventReleased, "Released thread %s; it stays at ACS", s.threadID)
	return nil
}

// abandonHint describes how to end a deletion that cannot finish.
const abandonHint = `To delete only this resource and leave the thread at ACS, set the annotation ` + chatv1alpha1.AnnotationAbandon + `: "true".`
