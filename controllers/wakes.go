// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
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
			if isReplaced(e) {
				enqueue(queue, e.ObjectOld)
				enqueue(queue, e.ObjectNew)
				return
			}
			if objects.HasFinalizer(e.ObjectOld) != objects.HasFinalizer(e.ObjectNew) && e.ObjectNew.GetDeletionTimestamp().IsZero() ||
				e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
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
				wake(ctx, q, e.Object, anyThread)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q requestQueue) {
			if concerns := connectionChange(e); concerns != nil {
				wake(ctx, q, e.ObjectNew, concerns)
			}
		},
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q requestQueue) { wake(ctx, q, e.Object, anyThread) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q requestQueue) { wake(ctx, q, e.Object, anyThread) },
	}
}

func anyThread(*chatv1alpha1.ChatThread) bool { return true }

// connectionChange returns a filter for the threads that a change of their connection concerns; nil
// for none. All threads wait for a connection that gets another spec or more service users, or
// becomes or ceases to be Ready. A request concerns the threads that are not Ready, a confirmation
// those that are being deleted.
func connectionChange(e event.UpdateEvent) func(*chatv1alpha1.ChatThread) bool {
	before, ok := e.ObjectOld.(*chatv1alpha1.ChatConnection)
	after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatConnection)
	if !ok || !ok2 {
		return nil
	}
	beforeStatus, beforeReason := objects.ReadyReason(before)
	status, reason := objects.ReadyReason(after)
	switch {
	case isReplaced(e), before.Generation != after.Generation, beforeStatus != status, beforeReason != reason,
		before.Annotations[chatv1alpha1.AnnotationServiceUsers] != after.Annotations[chatv1alpha1.AnnotationServiceUsers]:
		return anyThread
	case objects.ReconcileRequested(before) != objects.ReconcileRequested(after):
		return func(thread *chatv1alpha1.ChatThread) bool {
			ready, _ := objects.ReadyReason(thread)
			return ready != metav1.ConditionTrue
		}
	case before.Status.ConfirmedDeletions != after.Status.ConfirmedDeletions:
		return func(thread *chatv1alpha1.ChatThread) bool { return !thread.DeletionTimestamp.IsZero() }
	default:
		return nil
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

// labelsChanged accepts changes of labels.
func labelsChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// threadChanged accepts the changes of a ChatThread by users. Only the operator adds or changes its
// service user, and only others remove it. A status of another uid comes from a backup.
func threadChanged() predicate.Predicate {
	return predicate.Or(
		declarationChanged(chatv1alpha1.AnnotationAbandon, chatv1alpha1.AnnotationReconcileRequestedAt, chatv1alpha1.AnnotationRecover, chatv1alpha1.AnnotationReleaseTo),
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[chatv1alpha1.AnnotationServiceUser] != "" && e.ObjectNew.GetAnnotations()[chatv1alpha1.AnnotationServiceUser] == ""
		}},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*chatv1alpha1.ChatThread)
			after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatThread)
			return ok && ok2 && before.Status.UID != after.Status.UID && after.Status.UID != "" && after.Status.UID != string(after.UID)
		}},
	)
}

// participantChanged accepts the changes of a ChatParticipant by users, and each change of its
// status. A process that ended may have written one that this process learns of late, after it
// found that there is nothing to write. Nothing else would repair that: ChatParticipants have no
// resync. To compare the status with the roster again costs no request.
func participantChanged() predicate.Predicate {
	return predicate.Or(
		declarationChanged(chatv1alpha1.AnnotationAbandon),
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*chatv1alpha1.ChatParticipant)
			after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatParticipant)
			return ok && ok2 && !equality.Semantic.DeepEqual(before.Status, after.Status)
		}},
	)
}

// threadFinalizerRemoved accepts threads that are gone or have lost the finalizer.
func threadFinalizerRemoved() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return objects.HasFinalizer(e.ObjectOld) && !objects.HasFinalizer(e.ObjectNew)
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// threadAvailabilityChanged accepts changes that decide whether a thread takes members at all. The
// roster reports the state of the members.
func threadAvailabilityChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*chatv1alpha1.ChatThread)
			after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatThread)
			return ok && ok2 && (isReplaced(e) || before.Observes() != after.Observes() ||
				before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero())
		},
	}
}

// connectionChanged accepts the changes of a ChatConnection by users, and records that somebody
// shortened.
func connectionChanged() predicate.Predicate {
	return predicate.Or(declarationChanged(chatv1alpha1.AnnotationReconcileRequestedAt, chatv1alpha1.AnnotationConfirmDeletions), recordShortened())
}

// recordShortened accepts a connection whose record of service users or endpoint somebody
// shortened.
func recordShortened() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			for _, annotation := range []string{chatv1alpha1.AnnotationServiceUsers, chatv1alpha1.AnnotationEndpoint} {
				if len(e.ObjectNew.GetAnnotations()[annotation]) < len(e.ObjectOld.GetAnnotations()[annotation]) {
					return true
				}
			}
			return false
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// declarationChanged accepts the changes by users: the spec, a deletion, the given annotations, and
// an emptied status. Writes of the operator itself wake nothing.
func declarationChanged(annotations ...string) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		if isReplaced(e) || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || isStatusLost(e) || isFinalizerLost(e) {
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

// isStatusLost reports whether somebody emptied a status.
func isStatusLost(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(objects.Conditioned)
	after, ok2 := e.ObjectNew.(objects.Conditioned)
	return ok && ok2 && len(before.GetConditions()) > 0 && len(after.GetConditions()) == 0
}

// isFinalizerLost reports whether somebody removed the finalizer from an object that is not being
// deleted. The operator itself does so only in a reconcile that needs no other one to follow; one
// more does no harm.
func isFinalizerLost(e event.UpdateEvent) bool {
	return objects.HasFinalizer(e.ObjectOld) && !objects.HasFinalizer(e.ObjectNew) && e.ObjectNew.GetDeletionTimestamp().IsZero()
}

// isReplaced reports whether an object was deleted and another one of the same name was created: a
// list after a broken watch shows that as a change.
func isReplaced(e event.UpdateEvent) bool { return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() }
