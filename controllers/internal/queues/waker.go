// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// Waker enqueues objects of one controller for another one.
//
// A wake before the controller starts is dropped: each object is reconciled at the start. A wake
// after its end is dropped too, as a work queue that was shut down takes nothing.
type Waker struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Source returns the source to register with the controller: it hands the work queue to the Waker.
func (w *Waker) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queue = queue
		return nil
	})
}

// wokenPriority is above that of all other reconciles.
const wokenPriority = 1

// Wake has an object reconciled before all that were not woken. A ChatThread that waited for a
// quota holds a slot from its wake on: behind the first reconciles of a bulk apply, the slot would
// be unused.
func (w *Waker) Wake(key types.NamespacedName) { w.enqueue(key, wokenPriority) }

// WakeFirstTime has an object reconciled for the first time, as all are at the start. One that is
// Ready comes after those that are not.
func (w *Waker) WakeFirstTime(obj objects.Conditioned) {
	w.enqueue(objects.KeyOf(obj), PriorityOf(obj))
}

// PriorityOf is the priority of an object that is enqueued with many others: there may be thousands
// that are Ready, and they yield to all others.
func PriorityOf(obj objects.Conditioned) int {
	if status, _ := objects.ReadyReason(obj); status == metav1.ConditionTrue {
		return handler.LowPriority
	}
	return 0
}

func (w *Waker) enqueue(key types.NamespacedName, priority int) {
	w.mu.Lock()
	queue := w.queue
	w.mu.Unlock()
	if queue != nil {
		Enqueue(queue, priority, reconcile.Request{NamespacedName: key})
	}
}

// Enqueue adds objects to a work queue with a priority, if the queue has priorities.
func Enqueue(queue workqueue.TypedRateLimitingInterface[reconcile.Request], priority int, requests ...reconcile.Request) {
	if first, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		first.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, requests...)
		return
	}
	for _, request := range requests {
		queue.Add(request)
	}
}
