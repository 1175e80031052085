// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// finalize lets the connection go once no thread uses it any more.
func (r *ChatConnectionReconciler) finalize(ctx context.Context, conn *chatv1alpha1.ChatConnection) error {
	if !hasFinalizer(conn) {
		return errReleased
	}
	threads, err := r.countThreads(ctx, conn)
	if err != nil {
		return err
	}
	if threads > 0 {
		// The Secret may go before the threads do: from now on the credential is needed in memory. That
		// it cannot be read shows on the threads.
		if _, err := r.Sessions.open(ctx, conn); err != nil {
			ctrl.LoggerFrom(ctx).V(1).Info("Could not read the credential of a ChatConnection that is being deleted", "reason", classify(err).reason)
		}
		return &waitError{reason: chatv1alpha1.ReasonInUse, after: unreadyInterval,
			message: fmt.Sprintf("In use by %s; it goes when they are deleted.", countOf(threads, "ChatThread"))}
	}
	if err := removeFinalizer(ctx, r.Client, conn); err != nil {
		return err
	}
	r.Sessions.forget(keyOf(conn))
	return errReleased
}

// countThreads counts, at the API server, the threads that may have something at ACS through the
// connection: those that carry the finalizer.
func (r *ChatConnectionReconciler) countThreads(ctx context.Context, conn *chatv1alpha1.ChatConnection) (int, error) {
	namespaces := r.WatchNamespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	count := 0
	for _, namespace := range namespaces {
		threads := &chatv1alpha1.ChatThreadList{}
		if err := r.APIReader.List(ctx, threads, client.InNamespace(namespace)); err != nil {
			return 0, fmt.Errorf("list ChatThreads: %w", err)
		}
		for i := range threads.Items {
			if thread := &threads.Items[i]; connectionKey(thread) == keyOf(conn) && hasFinalizer(thread) {
				count++
			}
		}
	}
	return count, nil
}

// deletingConnection wakes a connection that waits for its threads to go.
func (r *ChatConnectionReconciler) deletingConnection(ctx context.Context, obj client.Object) []reconcile.Request {
	thread, ok := obj.(*chatv1alpha1.ChatThread)
	if !ok {
		return nil
	}
	key := connectionKey(thread)
	conn := &chatv1alpha1.ChatConnection{}
	if err := r.Get(ctx, key, conn); err != nil || conn.DeletionTimestamp.IsZero() {
		return nil
	}
	return []reconcile.Request{{NamespacedName: key}}
}

// threadLetGo lets through threads that are gone or no longer held.
func threadLetGo() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return hasFinalizer(e.ObjectOld) && !hasFinalizer(e.ObjectNew) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}
