// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// listingReconciler reads the lists of threads that ChatThreads wait for. Its keys are not objects:
// each key is a service user of a ChatConnection. So the work queue reads the list of one user once
// at a time, and the lists of several users in parallel, and no ChatThread occupies a worker while
// it waits.
type listingReconciler struct {
	client.Client
	registry   *connection.Registry
	timing     timing
	wakeThread func(types.NamespacedName)
}

// listingKey is the key of a service user of a connection.
func listingKey(conn types.NamespacedName, user string) types.NamespacedName {
	return types.NamespacedName{Namespace: conn.Namespace, Name: conn.Name + "/" + user}
}

// isListingKey reports whether a key belongs to a listing. The name of a ChatThread has no slash.
func isListingKey(key types.NamespacedName) bool { return strings.Contains(key.Name, "/") }

// Reconcile reads the list of a service user as far as the quota allows.
func (r *listingReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, end := r.registry.BeginListing(ctx, req.NamespacedName)
	defer end()
	name, id, _ := strings.Cut(req.Name, "/")
	key := types.NamespacedName{Namespace: req.Namespace, Name: name}
	link, err := r.connect(ctx, key)
	if link == nil || err != nil {
		return ctrl.Result{}, err
	}
	if err := link.Enter(ctx); err != nil {
		return ctrl.Result{RequeueAfter: max(outcome.Classify(err).After, time.Millisecond)}, nil
	}
	user, err := r.registry.User(link, id)
	if err != nil {
		return ctrl.Result{}, err
	}
	ctx = pacing.WithCaller(ctx, pacing.Caller{Thread: types.UID("list of " + id), Namespace: req.Namespace, Name: req.Name})
	wake, err := link.Directory.Read(ctx, user.Lister(), directory.ReadOptions{
		Confirm:        r.timing.goneConfirm,
		ConfirmUnknown: func(ctx context.Context) error { return r.registry.ConfirmUnknown(ctx, link, id) },
		Claims:         claimsOf(ctx, r, key),
	})
	for _, thread := range wake {
		r.wakeThread(thread)
	}
	if wait, ok := errors.AsType[*outcome.Wait](err); ok {
		return ctrl.Result{RequeueAfter: max(wait.After, time.Millisecond)}, nil
	}
	return ctrl.Result{}, err
}

// connect returns the connection, even if it is gone and its credential is only in memory: a search
// for the threads of deleted ChatThreads needs it. It returns nil if nothing can be read. The
// waiting ChatThreads show the reason.
func (r *listingReconciler) connect(ctx context.Context, key types.NamespacedName) (*connection.Connection, error) {
	conn := &chatv1alpha1.ChatConnection{}
	err := r.Get(ctx, key, conn)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get ChatConnection: %w", err)
	}
	if err == nil {
		if link, err := r.registry.Get(ctx, conn); err == nil {
			return link, nil
		}
	}
	link, _ := r.registry.GetForDeletion(key)
	return link, nil
}
