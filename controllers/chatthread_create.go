// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// createNew stores the finalizer and creates the thread. The write of the finalizer proves that the
// cache showed the newest ChatThread.
func (r *ChatThreadReconciler) createNew(ctx context.Context, s situation, isHeld bool) (situation, error) {
	s, err := r.prepareCreate(ctx, s)
	if err != nil {
		return s, err
	}
	isStored, err := r.ensureFinalizer(ctx, s, s.user.ID)
	if err == nil && !isStored {
		err = r.verifyThread(ctx, s)
	}
	if err != nil {
		return s, err
	}
	return r.create(ctx, s, isHeld || s.memory.create.isUnanswered())
}

// create creates the thread. The finalizer is stored. If it was stored before this reconcile, or
// removed since a create had no answer (isHeld), a create may have been sent already. This is the
// only call that cannot be repeated at will.
func (r *ChatThreadReconciler) create(ctx context.Context, s situation, isHeld bool) (situation, error) {
	s.session.Assign(s.thread.UID, s.user.ID)
	if !isHeld {
		s.memory.create.finalizerStored()
	}
	if err := r.checkConnectionNotDeleting(ctx, s); err != nil {
		return s, err
	}
	places := membership.MaxBatch
	if s.displayName() != "" {
		places--
	}
	batch := s.plan().Create.Members
	made, sent, err := r.sendCreate(ctx, s, batch[:min(places, len(batch))], isHeld)
	if len(made.thread.ID) > objects.MaxThreadID {
		made.unanswered = true
		err = &outcome.Contradiction{Message: "ACS gave a new thread an id that is too long to be one; the operator looks whether there is a thread."}
	}
	if err != nil {
		return s, r.createFailed(s, made.unanswered, err)
	}
	why, err := r.implausible(ctx, s, made)
	if err != nil {
		// The next search finds the thread.
		return s, r.createFailed(s, true, err)
	}
	if why != "" {
		return s, r.createAgain(ctx, s, made, why)
	}
	s.memory.uncreatable.end()
	return r.created(ctx, s, made, sent)
}

// createAgain handles an answer that names another thread than a new one: the create did not
// succeed, and there is no thread to keep.
func (r *ChatThreadReconciler) createAgain(ctx context.Context, s situation, made madeThread, why string) error {
	again := r.nextIncarnation(ctx, s, made.thread.ID, fmt.Sprintf("ACS answered a create with thread %s, %s; asking for another one", made.thread.ID, why),
		"ACS answered with another thread than a new one; the operator asks again.")
	if wait, ok := errors.AsType[*outcome.Wait](again); ok && s.memory.create.replayed {
		wait.After = connection.RefusedInterval
	}
	s.memory.create.replayed = true
	return again
}

// createFailed remembers whether a thread may have been created despite the error.
func (r *ChatThreadReconciler) createFailed(s situation, unanswered bool, err error) error {
	s.memory.create.failed(!unanswered, time.Now())
	if acs.HasStatus(err, http.StatusForbidden) {
		if rest := s.memory.uncreatable.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonCreating, After: rest,
				Message: "ACS refused to create a thread (403); the operator tries again to confirm that."}
		}
		return &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: outcome.CallFailed("create a thread", err)}
	}
	return outcome.CallFailed("create a thread", err)
}

// prepareCreate verifies the ChatParticipants and chooses the service user that creates the thread.
// A ChatThread that waits for its turn, or for another connection, has sent nothing and needs no
// finalizer yet.
func (r *ChatThreadReconciler) prepareCreate(ctx context.Context, s situation) (situation, error) {
	if err := r.verifyParticipants(ctx, s, false); err != nil {
		return s, err
	}
	if !objects.HasFinalizer(s.thread) && !s.conn.DeletionTimestamp.IsZero() {
		return s, s.errConnectionDeleting()
	}
	var err error
	if s.user, err = r.chooseUser(s); err != nil {
		return s, err
	}
	if err := s.session.Pacer.Room(s.caller, s.user.ID); err != nil {
		return s, err
	}
	return s, s.session.Enter(ctx)
}

// chooseUser returns the stored service user, which every retry must use, or else the user for new
// threads that can create first. A stored user that certainly created nothing, and that is no
// longer for new threads, is replaced.
func (r *ChatThreadReconciler) chooseUser(s situation) (*connection.User, error) {
	id, assigned := s.assignedUser()
	pool := s.session.UsersOf(s.conn).ForNewThreads()
	if !assigned || s.hasNoThread() && !pool.Contains(id) {
		if len(pool) == 0 {
			return nil, &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
				Message: fmt.Sprintf("ChatConnection %s has no service user yet.", connectionKey(s.thread))}
		}
		id = s.session.Choose(s.caller, pool)
	} else {
		s.session.Assign(s.thread.UID, id)
	}
	return r.Sessions.User(s.session, id)
}

// checkConnectionNotDeleting prevents new threads of a connection that is being deleted. The
// connection counts threads by their finalizer, which is stored by now. So either it sees this one,
// or this reconcile sees the deletion. The API server is asked once for each connection: the cache
// of a process that has just started may show one that is gone. A connection of a namespace in
// which another process works may go at any time.
func (r *ChatThreadReconciler) checkConnectionNotDeleting(ctx context.Context, s situation) error {
	if s.conn.DeletionTimestamp.IsZero() && r.worksIn(s.conn.Namespace) && s.session.IsHeld(s.conn.UID) {
		return nil
	}
	live := &chatv1alpha1.ChatConnection{}
	err := r.APIReader.Get(ctx, objects.KeyOf(s.conn), live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get ChatConnection: %w", err)
	}
	if err == nil && live.DeletionTimestamp.IsZero() && live.UID == s.conn.UID {
		if objects.HasFinalizer(live) {
			s.session.Hold(live.UID)
		}
		return nil
	}
	// Without a thread the ChatThread does not hold the connection.
	if s.hasNoThread() {
		if err := r.Store.RemoveFinalizer(ctx, s.thread); err != nil {
			return err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	return s.errConnectionDeleting()
}

func (s situation) errConnectionDeleting() error {
	return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
		Message: fmt.Sprintf("ChatConnection %s is being deleted and creates no new threads.", connectionKey(s.thread))}
}
