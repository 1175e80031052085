// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/changes"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/queues"
)

// requestQueue is the work queue of a controller.
type requestQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// participantHandler enqueues the thread of a ChatParticipant that changed. The queue keeps the
// earliest moment, so all changes within debounceInterval after the first one are reconciled
// together. A ChatParticipant that exists when the process starts does not enqueue its thread: each
// thread is reconciled then.
func (r *ChatThreadReconciler) participantHandler() handler.EventHandler {
	enqueue := func(queue requestQueue, obj client.Object) {
		if p, ok := obj.(*chatv1alpha1.ChatParticipant); ok {
			queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: p.Namespace, Name: p.Spec.ThreadRef.Name}}, debounceInterval)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue requestQueue) {
			if !e.IsInInitialList {
				enqueue(queue, e.Object)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue requestQueue) {
			if changes.IsReplaced(e) {
				enqueue(queue, e.ObjectOld)
				enqueue(queue, e.ObjectNew)
				return
			}
			if changes.IsMember(e) {
				enqueue(queue, e.ObjectNew)
			}
		},
		// No reconcile has seen the deletion: there was no finalizer, or somebody removed it.
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue requestQueue) {
			if objects.HasFinalizer(e.Object) || e.Object.GetDeletionTimestamp().IsZero() {
				enqueue(queue, e.Object)
			}
		},
	}
}

// connectionHandler enqueues the threads of a connection that changed, as far as the change
// concerns them.
func (r *ChatThreadReconciler) connectionHandler() handler.EventHandler {
	wake := func(ctx context.Context, q requestQueue, obj client.Object, concerns func(*chatv1alpha1.ChatThread) bool) {
		byPriority := map[int][]reconcile.Request{}
		for _, thread := range r.threadsOfConnection(ctx, obj, concerns) {
			priority := queues.PriorityOf(thread)
			byPriority[priority] = append(byPriority[priority], reconcile.Request{NamespacedName: objects.KeyOf(thread)})
		}
		for priority, requests := range byPriority {
			queues.Enqueue(q, priority, requests...)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q requestQueue) {
			if !e.IsInInitialList {
				wake(ctx, q, e.Object, changes.AnyThread)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q requestQueue) {
			if concerns := changes.ConcernedThreads(e); concerns != nil {
				wake(ctx, q, e.ObjectNew, concerns)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q requestQueue) {
			wake(ctx, q, e.Object, changes.AnyThread)
		},
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q requestQueue) {
			wake(ctx, q, e.Object, changes.AnyThread)
		},
	}
}

// threadsOfConnection returns the threads that name a connection and that its change concerns. They
// are those of the cache, and must not be changed.
func (r *ChatThreadReconciler) threadsOfConnection(ctx context.Context, conn client.Object, concerns func(*chatv1alpha1.ChatThread) bool) []*chatv1alpha1.ChatThread {
	threads := &chatv1alpha1.ChatThreadList{}
	key := objects.KeyOf(conn).String()
	if err := r.List(ctx, threads, client.MatchingFields{indexConnection: key}, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not list the threads of a connection")
		return nil
	}
	concerned := make([]*chatv1alpha1.ChatThread, 0, len(threads.Items))
	for i := range threads.Items {
		if thread := &threads.Items[i]; concerns(thread) {
			concerned = append(concerned, thread)
		}
	}
	return concerned
}

// adoptersOfThread returns the ChatThreads that are to adopt the thread of a ChatThread that is
// released or gone.
func (r *ChatThreadReconciler) adoptersOfThread(ctx context.Context, obj client.Object) []reconcile.Request {
	released, ok := obj.(*chatv1alpha1.ChatThread)
	if !ok {
		return nil
	}
	id := cmp.Or(released.Status.ThreadID, released.Spec.ThreadID)
	if id == "" {
		return nil
	}
	threads := &chatv1alpha1.ChatThreadList{}
	if err := r.List(ctx, threads, client.MatchingFields{indexAdopts: id}, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not list the ChatThreads that adopt a thread")
		return nil
	}
	var requests []reconcile.Request
	for i := range threads.Items {
		if threads.Items[i].UID != released.UID {
			requests = append(requests, reconcile.Request{NamespacedName: objects.KeyOf(&threads.Items[i])})
		}
	}
	return requests
}

// threadsOfNamespace returns the threads of a namespace that use a connection of another one: its
// labels decide whether they may.
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
			requests = append(requests, reconcile.Request{NamespacedName: objects.KeyOf(thread)})
		}
	}
	return requests
}

// deletingConnection returns the connection of a thread if it waits for its threads to be deleted,
// or was deleted without that wait, and this was the last one: each reconcile of the connection
// counts those that are left.
func (r *ChatConnectionReconciler) deletingConnection(ctx context.Context, obj client.Object) []reconcile.Request {
	thread, ok := obj.(*chatv1alpha1.ChatThread)
	if !ok {
		return nil
	}
	key := connectionKey(thread)
	conn := &chatv1alpha1.ChatConnection{}
	err := r.Get(ctx, key, conn)
	_, retained := r.Sessions.GetForDeletion(key)
	if apierrors.IsNotFound(err) && retained && isLastThread(ctx, r, key) {
		return []reconcile.Request{{NamespacedName: key}}
	}
	if err != nil || conn.DeletionTimestamp.IsZero() || !isLastThread(ctx, r, key) {
		return nil
	}
	return []reconcile.Request{{NamespacedName: key}}
}

// participantsOfThread returns the ChatParticipants that name a thread.
func (r *ChatParticipantReconciler) participantsOfThread(ctx context.Context, thread client.Object) []reconcile.Request {
	list := &chatv1alpha1.ChatParticipantList{}
	err := r.List(ctx, list, client.InNamespace(thread.GetNamespace()), client.MatchingFields{indexThread: thread.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not list the ChatParticipants of a thread")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: objects.KeyOf(&list.Items[i])})
	}
	return requests
}
