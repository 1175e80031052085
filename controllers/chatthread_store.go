// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// store writes conditions and allocated values, and sends the events of the reconcile so far.
func (r *ChatThreadReconciler) store(ctx context.Context, s situation, o outcome.Outcome) error {
	objects.Mark(s.thread, o)
	s.thread.Status.ObservedGeneration = objects.ObservedGeneration(s.thread, s.thread.Status.ObservedGeneration, o)
	err := r.Store.PatchStatus(ctx, s.before, s.thread)
	if apierrors.IsInvalid(err) && s.before.Status.ThreadID != s.thread.Status.ThreadID {
		err = errors.Join(err, r.discard(ctx, s))
	}
	if err != nil {
		if !s.thread.DeletionTimestamp.IsZero() {
			return client.IgnoreNotFound(err)
		}
		return err
	}
	objects.Emit(ctx, r.Recorder, s.before, s.thread, s.events.take(), o)
	s.thread.DeepCopyInto(s.before)
	return nil
}

// storeStatus stores the status as it is so far, without new conditions.
func (r *ChatThreadReconciler) storeStatus(ctx context.Context, s situation) error {
	if err := r.Store.PatchStatus(ctx, s.before, s.thread); err != nil {
		return err
	}
	s.thread.DeepCopyInto(s.before)
	return nil
}

// discard deletes the thread that was just created, because the API server holds another id for the
// ChatThread: a ChatThread must never have two threads.
func (r *ChatThreadReconciler) discard(ctx context.Context, s situation) error {
	live := &chatv1alpha1.ChatThread{}
	if err := r.APIReader.Get(ctx, objects.KeyOf(s.thread), live); err != nil {
		return fmt.Errorf("get ChatThread: %w", err)
	}
	made := s.threadID
	if live.UID != s.thread.UID || live.Status.ThreadID == "" || live.Status.ThreadID == made || made == "" || s.isFound() || s.user == nil {
		return nil
	}
	s.session.Directory.Drop(made)
	if _, err := s.user.Chat.DeleteThread(ctx, made, nil); err != nil && !acs.HasStatus(err, http.StatusNotFound) {
		return outcome.CallFailed("delete the second thread "+made, err)
	}
	countChange(threadDeleted, causeSpec, 1)
	s.events.warn(chatv1alpha1.EventDeleted, "Deleted thread %s: the ChatThread has thread %s already", made, live.Status.ThreadID)
	return nil
}

// ensureFinalizer stores the finalizer and, in the same write, the service user that acts for the
// thread. It reports whether it had to: the API server takes the write only if the ChatThread in
// hand is the newest.
func (r *ChatThreadReconciler) ensureFinalizer(ctx context.Context, s situation, user string) (isStored bool, err error) {
	version := s.thread.ResourceVersion
	err = r.Store.PatchMetadata(ctx, s.thread, func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUser, user)
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return false, errStaleCache()
	}
	if err != nil {
		return false, fmt.Errorf("add finalizer: %w", err)
	}
	s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	return s.thread.ResourceVersion != version, nil
}

// restoreFinalizer restores the finalizer of a ChatThread with a thread if somebody removed it. It
// comes before everything that may fail or wait. Otherwise a deletion would not wait for the
// operator, and the thread would be orphaned.
func (r *ChatThreadReconciler) restoreFinalizer(ctx context.Context, s situation) error {
	status := s.thread.Status
	if objects.HasFinalizer(s.thread) || s.thread.Observes() || status.UID != string(s.thread.UID) || status.ServiceUser == "" {
		return nil
	}
	_, err := r.ensureFinalizer(ctx, s, cmp.Or(s.thread.Annotations[chatv1alpha1.AnnotationServiceUser], status.ServiceUser))
	return err
}

// markDeleting stores the reason Deleting before the thread is deleted or released at ACS. So no
// ChatThread whose thread is gone shows Ready, even if a later step fails.
func (r *ChatThreadReconciler) markDeleting(ctx context.Context, s situation, doing string) error {
	// Later tries keep the message of the earlier one: otherwise the two would alternate.
	if status, _ := objects.ReadyReason(s.before); s.memory.markedDeleting && status != metav1.ConditionTrue {
		return nil
	}
	objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonDeleting, Message: fmt.Sprintf("%s thread %s at ACS.", doing, s.threadID)})
	if err := r.storeStatus(ctx, s); err != nil {
		return err
	}
	s.memory.markedDeleting = true
	return nil
}
