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
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// abandonHint is the way out of a deletion that cannot finish.
const abandonHint = `To delete only this resource and leave the thread at ACS, set the annotation ` + chatv1alpha1.AnnotationAbandon + `: "true".`

// finalize deletes the thread, or lets it go, and then the resource. It returns errReleased once the
// finalizer is off.
func (r *ChatThreadReconciler) finalize(ctx context.Context, s *threadScope) error {
	if !objects.HasFinalizer(s.thread) {
		return errReleased
	}
	if s.isOfAnother() {
		if s.taking = s.thread.Adopts(); !s.taking {
			s.disown(time.Now())
		}
	}
	if s.hasNothing() {
		return r.release(ctx, s)
	}
	if done, err := r.leaveThread(ctx, s); done || err != nil {
		return err
	}
	s.who = s.pass()
	ctx = pacing.WithCaller(ctx, s.who)
	if err := r.connectToDelete(ctx, s); err != nil {
		return err
	}
	ids, err := r.threadsToDelete(ctx, s)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s.threadID = id
		if err := r.letGo(ctx, s); err != nil {
			return err
		}
	}
	return r.release(ctx, s)
}

// leaveThread ends a deletion that leaves the thread as it is, with its stamp: because a person says so, or because
// the operator is being uninstalled. It says whether that was so.
func (r *ChatThreadReconciler) leaveThread(ctx context.Context, s *threadScope) (done bool, err error) {
	note := "Let thread %s go without a call; it stays at ACS"
	if !objects.IsAbandoned(s.thread) && !s.thread.Observes() {
		uninstalled, err := r.isUninstalled(ctx, threadsCRD)
		if err != nil || !uninstalled {
			return false, err
		}
		note = "The operator is being uninstalled: thread %s stays at ACS, and is found again by a ChatThread of this name"
	}
	if s.thread.Status.ThreadID != "" {
		s.tell(chatv1alpha1.EventReleased, note, s.thread.Status.ThreadID)
	}
	r.leaveBehind(s)
	return true, r.release(ctx, s)
}

// leaveBehind has the next resource of this name read the thread anew: as long as this one had it, nobody
// else looked at it, and its service user may have been shut out of it since. Where no id is known, a create
// may have been sent all the same.
func (r *ChatThreadReconciler) leaveBehind(s *threadScope) {
	found, ok := r.Sessions.GetForDeletion(connectionKey(s.thread))
	if !ok || s.hasNothing() {
		return
	}
	if id := cmp.Or(s.thread.Status.ThreadID, s.memory.threadID); id != "" {
		found.Directory.Forget(id)
		return
	}
	found.Directory.RequireSince(s.owner(), r.certainFrom(s.memory))
}

// hasNothing says that the resource is known to have no thread: this process stored the finalizer, and
// ACS refused for certain whatever was sent since.
func (s *threadScope) hasNothing() bool {
	return s.memory.settled && s.thread.Status.ThreadID == "" && s.memory.threadID == "" && !s.thread.Adopts()
}

// release takes the finalizer off. Where others still hold the resource, its status says what became of the thread.
func (r *ChatThreadReconciler) release(ctx context.Context, s *threadScope) error {
	if len(s.thread.Finalizers) > 1 && s.memory.markedDeleting {
		objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonDeleting, Message: fmt.Sprintf(
			"Thread %s was deleted or released at ACS. The resource waits for others, by its finalizers.", s.shownID())})
		if err := r.storeStatus(ctx, s); err != nil {
			return err
		}
	}
	if err := objects.RemoveFinalizer(ctx, r.Client, s.thread); err != nil {
		return err
	}
	r.Sessions.ForgetThread(s.thread.UID)
	return errReleased
}

// connectToDelete opens the session for a deletion. For that alone the credentials outlive their
// Secret, and a namespace that may no longer use the connection still may delete what it made.
func (r *ChatThreadReconciler) connectToDelete(ctx context.Context, s *threadScope) error {
	key := connectionKey(s.thread)
	s.conn = &chatv1alpha1.ChatConnection{}
	err := r.getConnection(ctx, key, s.conn)
	switch {
	case err == nil:
		s.session, err = r.Sessions.Get(ctx, s.conn)
		s.known = connection.KnownUsers(s.conn)
	case apierrors.IsNotFound(err):
		err = &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotFound, After: connection.UnreadyInterval,
			Message: fmt.Sprintf("ChatConnection %s does not exist, so the thread cannot be deleted. %s", key, abandonHint)}
		s.conn = &chatv1alpha1.ChatConnection{}
		s.conn.Namespace, s.conn.Name = key.Namespace, key.Name
	default:
		return fmt.Errorf("get ChatConnection: %w", err)
	}
	if err != nil {
		if err := r.useRetained(ctx, s, key, err); err != nil {
			return err
		}
	}
	if err := s.checkUsers(); err != nil {
		return err
	}
	s.heed()
	leave, err := s.session.Gate.Enter()
	if err != nil {
		return s.awaitProbe(err)
	}
	s.leave = leave
	return nil
}

// useRetained goes on with the credentials that are still in memory; why says what is wrong with the
// connection.
func (r *ChatThreadReconciler) useRetained(ctx context.Context, s *threadScope, key types.NamespacedName, why error) error {
	o := outcome.Classify(why)
	if o.Quiet {
		return why
	}
	if retained, usable := r.Sessions.GetForDeletion(key); usable && o.Reason != chatv1alpha1.ReasonAuthenticationFailed {
		s.session = retained
		s.known = connection.MergeUsers(s.known, retained.UsersKnown())
		return nil
	}
	terminating, err := r.isTerminating(ctx, key.Namespace)
	if err != nil {
		return err
	}
	if terminating && (o.Reason == chatv1alpha1.ReasonSecretNotFound || o.Reason == chatv1alpha1.ReasonConnectionNotFound) {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonCredentialsLost,
			Message: fmt.Sprintf("The credentials went with namespace %s before thread %s was deleted. %s", key.Namespace, s.shownID(), abandonHint)}
	}
	if o.Reason == chatv1alpha1.ReasonConnectionNotFound {
		return why
	}
	if r.Sessions.IsUntold(key) {
		r.wakeConnection(key)
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
		Message: fmt.Sprintf("ChatConnection %s is not ready (%s), so the thread cannot be deleted. %s", key, o.Reason, abandonHint)}
}

// shownID is the thread's id for a message, where it is known.
func (s *threadScope) shownID() string {
	if s.thread.Status.ThreadID != "" {
		return s.thread.Status.ThreadID
	}
	return "(id unknown, stamped " + s.owner() + ")"
}

// threadsToDelete are the threads that this resource made or adopted. Where no id was stored, a create
// may have been sent all the same: what carries our uid is looked for.
func (r *ChatThreadReconciler) threadsToDelete(ctx context.Context, s *threadScope) ([]string, error) {
	switch {
	case s.thread.Status.ThreadID != "":
		return []string{s.thread.Status.ThreadID}, nil
	case s.memory.threadID != "":
		return []string{s.memory.threadID}, nil
	case s.thread.Adopts():
		// A namespace that may not use the connection cannot have adopted anything through it.
		s.taking = true
		allowed, err := r.isAllowed(ctx, s.thread.Namespace, s.conn)
		if err != nil || !allowed {
			return nil, err
		}
		return []string{s.thread.Spec.ThreadID}, nil
	}
	s.taking = true
	if err := r.searchDirectory(ctx, s); err != nil {
		return nil, err
	}
	var ids []string
	for _, found := range s.session.Directory.Find(s.owner(), s.known) {
		if found.UID == string(s.thread.UID) {
			ids = append(ids, found.ID)
		}
	}
	return ids, nil
}

// letGo deletes or releases one thread. What is another's is left alone.
func (r *ChatThreadReconciler) letGo(ctx context.Context, s *threadScope) error {
	properties, err := r.readThread(ctx, s)
	if directory.IsInaccessible(err) {
		if err := directory.ConfirmInaccessible(ctx, s.client()); err != nil {
			return err
		}
	}
	switch {
	case acs.HasStatus(err, http.StatusNotFound), err == nil && properties.DeletedOn != nil:
		s.session.Directory.Drop(s.threadID)
		return nil
	case acs.HasStatus(err, http.StatusForbidden):
		return r.shutOut(s)
	case err != nil:
		return outcome.CallFailed("read the thread", err)
	}
	mine, err := r.mayDelete(ctx, s, properties)
	switch {
	case err != nil:
		return err
	case !mine:
		// Of an adoption that did not happen there is nothing to tell.
		if !s.taking {
			s.warn(chatv1alpha1.ReasonOwnedByAnother, "Left thread %s alone: it carries the stamp of another resource", s.threadID)
		}
		// It may be that of an earlier resource of this name, which the next one takes up.
		s.session.Directory.Forget(s.threadID)
		return nil
	case s.thread.Deletion() == chatv1alpha1.DeletionRetain:
		err = r.retain(ctx, s)
	default:
		err = r.remove(ctx, s)
	}
	if err == nil {
		s.session.Directory.Drop(s.threadID)
	}
	return err
}

// shutOut is the end of a deletion by a user that may not see the thread. One that was to be adopted
// was never this resource's.
func (r *ChatThreadReconciler) shutOut(s *threadScope) error {
	if s.taking && s.thread.Adopts() {
		return nil
	}
	if rest := s.memory.shut.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonDeleting, After: rest,
			Message: fmt.Sprintf("ACS refuses to show or delete thread %s (403); the operator tries again before it believes that.", s.threadID)}
	}
	if err := s.lostUser(); err != nil {
		return err
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonAccessLost,
		Message: fmt.Sprintf("Service user %s may not see thread %s (403), so it cannot be deleted. Add the user to the thread again. %s", s.user.ID, s.threadID, abandonHint)}
}

// remove deletes the thread at ACS.
func (r *ChatThreadReconciler) remove(ctx context.Context, s *threadScope) error {
	if err := r.checkNotAwaited(ctx, s); err != nil {
		return err
	}
	if err := r.brake(ctx, s); err != nil {
		return err
	}
	if err := r.markDeleting(ctx, s, "Deleting"); err != nil {
		return err
	}
	_, err := s.user.Chat.DeleteThread(ctx, s.threadID, nil)
	switch {
	case acs.HasStatus(err, http.StatusForbidden):
		return r.shutOut(s)
	case err != nil && !acs.HasStatus(err, http.StatusNotFound):
		return outcome.CallFailed("delete the thread", err)
	}
	s.tell(chatv1alpha1.EventDeleted, "Deleted thread %s", s.threadID)
	return nil
}

// checkNotAwaited holds the deletion of a thread that another ChatThread is to adopt: who renames a ChatThread, and
// forgets to have the former one retain the thread, must not lose it.
func (r *ChatThreadReconciler) checkNotAwaited(ctx context.Context, s *threadScope) error {
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

// mayDelete says whether the thread is this resource's. Its stamp decides; one that was emptied counts
// as ours only where the resource is known to have had the thread and may still use the connection.
func (r *ChatThreadReconciler) mayDelete(ctx context.Context, s *threadScope, properties acs.ThreadProperties) (bool, error) {
	switch properties.Metadata[chatv1alpha1.StampUID] {
	case string(s.thread.UID):
		return true, nil
	case "":
		if s.taking || s.isReleasedByAnother(properties.Metadata) {
			return false, nil
		}
		return r.isAllowed(ctx, s.thread.Namespace, s.conn)
	default:
		return false, nil
	}
}

// retain empties the stamp, so that another resource can adopt the thread, and says who let it go.
func (r *ChatThreadReconciler) retain(ctx context.Context, s *threadScope) error {
	if err := r.markDeleting(ctx, s, "Releasing"); err != nil {
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
	s.tell(chatv1alpha1.EventReleased, "Let thread %s go; it stays at ACS", s.threadID)
	return nil
}
