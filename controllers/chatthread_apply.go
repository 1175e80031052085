// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// apply carries the plan out. Apart from deletions it alone writes to ACS.
func (r *ChatThreadReconciler) apply(ctx context.Context, s situation) (situation, error) {
	if s.thread.Observes() {
		return r.observeOnly(ctx, s)
	}
	// A create may have been sent before this reconcile.
	isHeld := objects.HasFinalizer(s.thread)
	var err error
	isNew := s.have == nil
	if isNew {
		if s, err = r.prepareCreate(ctx, s); err != nil {
			return s, err
		}
	}
	if err := r.ensureFinalizer(ctx, s, s.user.ID); err != nil {
		return s, err
	}
	if isNew {
		if s, err = r.create(ctx, s, isHeld); err != nil {
			return s, err
		}
	}
	s, refused, err := r.ensureProperties(ctx, s, isHeld)
	if err != nil {
		return s, err
	}
	if s, err = r.ensureMembers(ctx, s, refused == nil); err != nil {
		return s, err
	}
	// A refusal of topic, metadata or retention holds up no member.
	if refused != nil {
		return s, refused
	}
	return s, s.results.Verdict()
}

// observeOnly reports the plan without carrying it out.
func (r *ChatThreadReconciler) observeOnly(ctx context.Context, s situation) (situation, error) {
	todo := s.plan()
	if todo.Create != nil {
		return s, &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: "would " + todo.String()}
	}
	// With a finalizer, as from a backup, the thread would count as one that carried our stamp before.
	if s.isFound() && s.have.Properties.Metadata[chatv1alpha1.StampUID] != string(s.thread.UID) {
		if err := r.Store.RemoveFinalizer(ctx, s.thread); err != nil {
			return s, err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	s.allocate()
	if !objects.HasFinalizer(s.thread) {
		// Nobody acts for it yet. Once it is managed, a crash before it carries our stamp must not make it
		// look like one that carried it before and was taken by another.
		s.thread.Status.ServiceUser = ""
	}
	// It may be released at any time, and the next ChatThread of the name must find it.
	s.session.Directory.Put(directory.StampOf(s.have.Properties))
	s.results = plan.NewResults(s.declared())
	s.results.Record(todo.Members)
	s.results.Count(&s.thread.Status)
	if drift := todo.String(); drift != "" {
		return s, &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: "would " + drift}
	}
	return s, nil
}

// allocate takes over into status what identifies the thread.
func (s situation) allocate() {
	s.memory.threadID, s.memory.actor = s.threadID, s.user.ID
	s.thread.Status.ThreadID = s.threadID
	s.thread.Status.ServiceUser = s.user.ID
	s.thread.Status.UID = string(s.thread.UID)
	s.thread.Status.CreatedOn = statusTime(s.have.Properties.CreatedOn)
	s.session.Assign(s.thread.UID, s.user.ID)
}

// ensureFinalizer stores the finalizer and, in the same write, the service user that acts for the thread.
func (r *ChatThreadReconciler) ensureFinalizer(ctx context.Context, s situation, user string) error {
	err := r.Store.PatchMetadata(ctx, s.thread, func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUser, user)
	})
	if apierrors.IsNotFound(err) {
		return errStaleCache()
	}
	if err != nil {
		return fmt.Errorf("add finalizer: %w", err)
	}
	s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	return nil
}

// restoreFinalizer restores the finalizer that somebody removed from a ChatThread that has a thread. That
// comes before everything that may fail or wait: a deletion would not wait for the operator, and would leave
// the thread behind.
func (r *ChatThreadReconciler) restoreFinalizer(ctx context.Context, s situation) error {
	status := s.thread.Status
	if objects.HasFinalizer(s.thread) || s.thread.Observes() || status.UID != string(s.thread.UID) || status.ServiceUser == "" {
		return nil
	}
	return r.ensureFinalizer(ctx, s, cmp.Or(s.thread.Annotations[chatv1alpha1.AnnotationServiceUser], status.ServiceUser))
}

// prepareCreate verifies the declaration and chooses who creates the thread. A ChatThread that waits for its
// turn, or for another connection, has sent nothing, and needs no finalizer yet.
func (r *ChatThreadReconciler) prepareCreate(ctx context.Context, s situation) (situation, error) {
	if err := r.verifyLive(ctx, s, false); err != nil {
		return s, err
	}
	if !objects.HasFinalizer(s.thread) && !s.conn.DeletionTimestamp.IsZero() {
		return s, s.errConnectionDeleting()
	}
	var err error
	if s.user, err = r.chooseUser(s); err != nil {
		return s, err
	}
	return s, s.session.Pacer.Room(s.caller, s.user.ID)
}

// chooseUser returns the service user that was stored before, as every retry must, or the one of those for
// new threads that can create first. A user that certainly created nothing, and is for new threads no more,
// gives way.
func (r *ChatThreadReconciler) chooseUser(s situation) (*connection.User, error) {
	id, assigned := s.assignedUser()
	pool := connection.UsersOf(s.conn).ForNewThreads()
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

// checkConnectionNotDeleting keeps a connection that is being deleted from new threads. The connection counts
// threads by their finalizer, which is stored by now: either it sees this one, or this reconcile sees the
// deletion.
func (r *ChatThreadReconciler) checkConnectionNotDeleting(ctx context.Context, s situation) error {
	live := &chatv1alpha1.ChatConnection{}
	err := r.APIReader.Get(ctx, objects.KeyOf(s.conn), live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get ChatConnection: %w", err)
	}
	if err == nil && live.DeletionTimestamp.IsZero() && live.UID == s.conn.UID {
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
		Message: fmt.Sprintf("ChatConnection %s is being deleted and makes no new threads.", connectionKey(s.thread))}
}

// hasNoThread reports whether the ChatThread certainly has no thread: no create is outstanding, and none
// succeeded.
func (s situation) hasNoThread() bool {
	return s.memory.create.nothingSent() && s.thread.Status.ThreadID == "" && s.memory.threadID == "" && !s.thread.Adopts()
}

// foundNow notes since when a thread is this ChatThread's that was found.
func (m *threadMemory) foundNow() {
	if m.foundAt.IsZero() {
		m.foundAt = time.Now()
	}
}
