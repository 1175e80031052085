// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/access"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// finalize removes the finalizer once no thread uses the connection.
func (r *ChatConnectionReconciler) finalize(ctx context.Context, conn *chatv1alpha1.ChatConnection) error {
	if !objects.HasFinalizer(conn) {
		return errReleased
	}
	r.Sessions.ByKey(objects.KeyOf(conn)).EndCustody(conn.UID)
	used, err := r.isUsed(ctx, conn)
	if err != nil {
		return err
	}
	if used != "" {
		r.keepCredential(ctx, conn)
		return &outcome.Wait{Reason: chatv1alpha1.ReasonInUse, After: connection.UnreadyInterval,
			Message: fmt.Sprintf("In use by %s; it is deleted once they are.", used)}
	}
	if err := r.Store.RemoveFinalizer(ctx, conn); err != nil {
		return err
	}
	r.Sessions.Forget(objects.KeyOf(conn))
	return errReleased
}

// keepCredential ensures that the credential is in memory, because the Secret may be deleted before
// the threads. If it cannot be read, the threads show that.
func (r *ChatConnectionReconciler) keepCredential(ctx context.Context, conn *chatv1alpha1.ChatConnection) {
	_, err := r.Sessions.Get(ctx, conn)
	if err != nil {
		_, err = r.Sessions.Refresh(ctx, conn)
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Could not read the credential of a ChatConnection that is being deleted", "reason", outcome.Classify(err).Reason)
	}
}

// isUsed describes the threads that may have something at ACS through the connection: those with
// the finalizer. The result is empty if there are none. Threads in the cache are enough for a
// positive answer, as long as there is their kind: the cache keeps them when it is gone. Only the
// API server can give a negative one. It is asked only then, for the threads that name the
// connection, and page by page as far as the first one with the finalizer: the objects of others
// must not fill the memory of the operator.
func (r *ChatConnectionReconciler) isUsed(ctx context.Context, conn *chatv1alpha1.ChatConnection) (string, error) {
	if gone, err := r.uninstall.AreThreadsGone(ctx); err != nil || gone {
		return "", err
	}
	count, err := countThreadsOf(ctx, r.Reader, objects.KeyOf(conn))
	if err != nil || count > 0 {
		return outcome.Plural(count, "ChatThread"), err
	}
	// A thread of the same namespace need not name it.
	if used, err := r.isUsedIn(ctx, conn, conn.Namespace, ""); used != "" || err != nil {
		return used, err
	}
	for _, namespace := range r.namespaces(conn) {
		if used, err := r.isUsedIn(ctx, conn, namespace, conn.Namespace); used != "" || err != nil {
			return used, err
		}
	}
	return "", nil
}

// isUsedIn asks the API server for the threads of a namespace that name the connection by this
// namespace of its own.
func (r *ChatConnectionReconciler) isUsedIn(ctx context.Context, conn *chatv1alpha1.ChatConnection, namespace, named string) (string, error) {
	found := false
	list := func(options ...client.ListOption) error {
		return objects.EachPage(ctx, r.APIReader, &chatv1alpha1.ChatThreadList{}, func(page *chatv1alpha1.ChatThreadList) bool {
			found = slices.ContainsFunc(page.Items, func(thread chatv1alpha1.ChatThread) bool {
				return objects.HasFinalizer(&thread) && connectionKey(&thread) == objects.KeyOf(conn)
			})
			return !found
		}, append(options, client.InNamespace(namespace))...)
	}
	err := list(client.MatchingFields{fieldConnectionName: conn.Name, fieldConnectionNamespace: named})
	if apierrors.IsBadRequest(err) {
		// The CRD is that of an older version, which has no such fields.
		err = list()
	}
	if apierrors.IsForbidden(err) && namespace == "" {
		return "", &outcome.Wait{Reason: chatv1alpha1.ReasonInUse, After: connection.UnreadyInterval,
			Message: "ChatThreads in namespaces that this operator does not watch (flag --watch-namespaces) may use the connection, and cannot be counted. To let it go all the same, set spec.allowedNamespaces.from to Same."}
	}
	if err != nil {
		return "", fmt.Errorf("list ChatThreads: %w", err)
	}
	if found {
		return "at least 1 ChatThread", nil
	}
	return "", nil
}

// The API server selects ChatThreads by these fields. A thread that names no namespace has an empty
// one.
const (
	fieldConnectionName      = "spec.connectionRef.name"
	fieldConnectionNamespace = "spec.connectionRef.namespace"
)

// namespaces returns the namespaces whose threads may use the connection; the empty one stands for
// all. Another operator may watch some of them.
func (r *ChatConnectionReconciler) namespaces(conn *chatv1alpha1.ChatConnection) []string {
	if len(r.WatchNamespaces) == 0 || access.IsShared(conn) {
		return []string{""}
	}
	return r.WatchNamespaces
}

// countThreadsOf counts in the cache the threads that may have something at ACS through a
// connection.
func countThreadsOf(ctx context.Context, reader client.Reader, connection types.NamespacedName) (int, error) {
	threads := &chatv1alpha1.ChatThreadList{}
	if err := reader.List(ctx, threads, client.MatchingFields{indexHeldConnection: connection.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list ChatThreads: %w", err)
	}
	return len(threads.Items), nil
}

// isLastThread reports whether no other thread in the cache holds a connection.
func isLastThread(ctx context.Context, reader client.Reader, connection types.NamespacedName) bool {
	threads := &chatv1alpha1.ChatThreadList{}
	err := reader.List(ctx, threads, client.MatchingFields{indexHeldConnection: connection.String()}, client.Limit(1), client.UnsafeDisableDeepCopy)
	return err != nil || len(threads.Items) == 0
}

// forgetConnection drops the state of a ChatConnection that no longer exists. Its credential stays
// while threads need it, which happens if the connection was deleted without waiting for them.
func (r *ChatConnectionReconciler) forgetConnection(ctx context.Context, key types.NamespacedName) error {
	r.refusals.forget(key)
	count, err := countThreadsOf(ctx, r.Reader, key)
	if err != nil {
		return err
	}
	if _, usable := r.Sessions.GetForDeletion(key); !usable || count == 0 {
		r.Sessions.Forget(key)
	}
	return nil
}
