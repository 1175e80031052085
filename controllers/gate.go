// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/queues"
	"github.com/acs-operator/acs-chat-operator/controllers/shards"
)

// gated is a reconciler that does nothing for the objects of a namespace until this process holds
// it. Then enqueueNamespaces enqueues them, so nothing that came before is needed.
type gated struct {
	reconcile.Reconciler
	held *shards.Held
}

// Reconcile reconciles an object of a namespace that this process holds.
func (g gated) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if _, holds := g.held.Since(req.Namespace); !holds {
		return ctrl.Result{}, nil
	}
	return g.Reconciler.Reconcile(ctx, req)
}

// gate returns the reconciler for the manager. It is the same one if this process works in all
// namespaces from the start.
func (c *Controllers) gate(r reconcile.Reconciler) reconcile.Reconciler {
	if c.options.Held == nil {
		return r
	}
	return gated{Reconciler: r, held: c.options.Held}
}

// enqueueNamespaces enqueues the objects of namespaces that this process holds from now on. Those
// at rest come last. ChatThreads ask for the lists that they need.
func (c *Controllers) enqueueNamespaces(ctx context.Context, acquired shards.Namespaces) {
	for _, one := range []struct {
		list  client.ObjectList
		waker *queues.Waker
	}{
		{&chatv1alpha1.ChatConnectionList{}, &c.connectionWakes},
		{&chatv1alpha1.ChatThreadList{}, &c.threadWakes},
		{&chatv1alpha1.ChatParticipantList{}, &c.participantWakes},
	} {
		err := c.threads.List(ctx, one.list, client.UnsafeDisableDeepCopy)
		if err == nil {
			err = apimeta.EachListItem(one.list, func(item runtime.Object) error {
				if obj, ok := item.(objects.Conditioned); ok && acquired.Contains(obj.GetNamespace()) {
					one.waker.WakeFirstTime(obj)
				}
				return nil
			})
		}
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Could not list the objects of namespaces")
		}
	}
}

// worksIn reports whether this process works in a namespace, and so no other one does.
func (r *ChatThreadReconciler) worksIn(namespace string) bool {
	if r.held == nil {
		return true
	}
	_, holds := r.held.Since(namespace)
	return holds
}

// workingSince returns the moment from which this process works in a namespace. Until then another
// one may have.
func (r *ChatThreadReconciler) workingSince(namespace string) time.Time {
	if r.held == nil {
		return r.startedAt
	}
	since, _ := r.held.Since(namespace)
	return since
}
