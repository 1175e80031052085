// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// participantHandler wakes the thread of a ChatParticipant, gathering changes. What is there when the
// process starts needs no wake: each thread has a pass then.
func (r *ChatThreadReconciler) participantHandler(changes *debouncer) handler.EventHandler {
	touch := func(obj client.Object) {
		if p, ok := obj.(*chatv1alpha1.ChatParticipant); ok {
			changes.touch(types.NamespacedName{Namespace: p.Namespace, Name: p.Spec.ThreadRef.Name})
		}
	}
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) {
			if !e.IsInInitialList {
				touch(e.Object)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) {
			if isNamesake(e) {
				touch(e.ObjectOld)
				touch(e.ObjectNew)
				return
			}
			if hasFinalizer(e.ObjectOld) != hasFinalizer(e.ObjectNew) && e.ObjectNew.GetDeletionTimestamp().IsZero() ||
				e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				touch(e.ObjectNew)
			}
		},
		// No pass has seen the deletion: there was no finalizer, or it was taken off by hand.
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) {
			if hasFinalizer(e.Object) || e.Object.GetDeletionTimestamp().IsZero() {
				touch(e.Object)
			}
		},
	}
}

// threadsOfConnection wakes the threads that name a connection.
func (r *ChatThreadReconciler) threadsOfConnection(ctx context.Context, conn client.Object) []reconcile.Request {
	threads := &chatv1alpha1.ChatThreadList{}
	key := keyOf(conn).String()
	if err := r.List(ctx, threads, client.MatchingFields{indexConnection: key}, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not list the threads of a connection")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(threads.Items))
	for i := range threads.Items {
		requests = append(requests, reconcile.Request{NamespacedName: keyOf(&threads.Items[i])})
	}
	return requests
}

// threadsOfNamespace wakes the threads of a namespace that use a connection of another one: its labels decide
// whether they may.
func (r *ChatThreadReconciler) threadsOfNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	if len(r.WatchNamespaces) > 0 && !slices.Contains(r.WatchNamespaces, namespace.GetName()) {
		return nil
	}
	threads := &chatv1alpha1.ChatThreadList{}
	if err := r.List(ctx, threads, client.InNamespace(namespace.GetName()), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not list the threads of a namespace")
		return nil
	}
	var requests []reconcile.Request
	for i := range threads.Items {
		if thread := &threads.Items[i]; thread.ConnectionNamespace() != thread.Namespace {
			requests = append(requests, reconcile.Request{NamespacedName: keyOf(thread)})
		}
	}
	return requests
}

// labelsChanged lets through changes of labels.
func labelsChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// threadChanged lets through what a user changes of a ChatThread. Its service user is put in and changed by the
// operator, and taken out only by others.
func threadChanged() predicate.Predicate {
	return predicate.Or(
		declarationChanged(chatv1alpha1.AnnotationAbandon, chatv1alpha1.AnnotationReconcileRequestedAt),
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[chatv1alpha1.AnnotationServiceUser] != "" && e.ObjectNew.GetAnnotations()[chatv1alpha1.AnnotationServiceUser] == ""
		}},
	)
}

// declarationChanged lets through what a user changes: the spec, a deletion, the annotations that are asked
// for, and a status that was emptied. What the operator itself writes wakes nobody.
func declarationChanged(annotations ...string) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		if isNamesake(e) || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || isStatusLost(e) {
			return true
		}
		for _, annotation := range annotations {
			if e.ObjectOld.GetAnnotations()[annotation] != e.ObjectNew.GetAnnotations()[annotation] {
				return true
			}
		}
		return false
	}}
}

// isStatusLost says that somebody emptied a status.
func isStatusLost(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(conditioned)
	after, ok2 := e.ObjectNew.(conditioned)
	return ok && ok2 && len(before.GetConditions()) > 0 && len(after.GetConditions()) == 0
}

// isNamesake says that an object was deleted and another one of its name created: a list that follows a
// watch that broke off shows that as a change.
func isNamesake(e event.UpdateEvent) bool { return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() }

func keyOf(obj client.Object) types.NamespacedName { return client.ObjectKeyFromObject(obj) }
