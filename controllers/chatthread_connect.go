// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/access"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// connect finds the ChatConnection, its clients and its service users.
func (r *ChatThreadReconciler) connect(ctx context.Context, s situation) (situation, error) {
	key := connectionKey(s.thread)
	s.conn = &chatv1alpha1.ChatConnection{}
	if err := r.getConnection(ctx, key, s.conn); err != nil {
		if !apierrors.IsNotFound(err) {
			return s, fmt.Errorf("get ChatConnection: %w", err)
		}
		return s, &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotFound,
			Message: fmt.Sprintf("ChatConnection %s does not exist.", key)}
	}
	if err := r.checkNamespace(ctx, s); err != nil {
		return s, err
	}
	session, err := r.Sessions.Get(ctx, s.conn)
	if err != nil {
		return s, r.connectionNotReady(key, err)
	}
	s.session, s.users = session, session.UsersOf(s.conn).Usable()
	if err := s.checkUsers(); err != nil {
		return s, err
	}
	session.KnowUsers(s.users)
	s.tryAtOnce()
	return s, nil
}

// checkNamespace returns an error if the thread may not use the connection in its present state.
func (r *ChatThreadReconciler) checkNamespace(ctx context.Context, s situation) error {
	allowed, err := r.access.Allow(ctx, s.thread.Namespace, s.conn)
	if err != nil || allowed {
		return err
	}
	message := fmt.Sprintf("ChatConnection %s does not allow namespace %s (spec.allowedNamespaces).", connectionKey(s.thread), s.thread.Namespace)
	if r.access.OwnOnly && access.IsShared(s.conn) {
		message = fmt.Sprintf("The operator runs with --namespaced, so ChatConnection %s serves its own namespace only, whatever spec.allowedNamespaces says. "+
			"Create a ChatConnection in namespace %s.", connectionKey(s.thread), s.thread.Namespace)
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed, Message: message}
}

// tryAtOnce ends the waits of ACS if somebody asked for the reconcile.
func (s situation) tryAtOnce() {
	if s.isRequested() {
		s.session.TryAtOnce()
	}
}

// checkUsers waits for a connection that has no service user, or a record that lost some. Until the
// record is restored from status, a search would read the lists of some users only.
func (s situation) checkUsers() error {
	wait := &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval}
	switch {
	case s.session.UsersOf(s.conn).IsCut():
		wait.Message = fmt.Sprintf("Annotation %s of ChatConnection %s lost service users; restoring it.", chatv1alpha1.AnnotationServiceUsers, connectionKey(s.thread))
	case len(s.users) == 0:
		wait.Message = fmt.Sprintf("ChatConnection %s has no service user yet.", connectionKey(s.thread))
	default:
		return nil
	}
	return wait
}

// getConnection reads a connection. A connection in a namespace that is not watched cannot be read,
// and the cache must show the writes of this process.
func (r *ChatThreadReconciler) getConnection(ctx context.Context, key types.NamespacedName, conn *chatv1alpha1.ChatConnection) error {
	if len(r.WatchNamespaces) > 0 && !slices.Contains(r.WatchNamespaces, key.Namespace) {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotFound, After: connection.UnreadyInterval,
			Message: fmt.Sprintf("ChatConnection %s is in a namespace that this operator does not watch (flag --watch-namespaces).", key)}
	}
	wait, err := r.Store.Get(ctx, key, conn)
	if wait > 0 {
		return errStaleCache()
	}
	return err
}

// connectionNotReady waits for a connection that shows the cause in its own status.
func (r *ChatThreadReconciler) connectionNotReady(key types.NamespacedName, err error) error {
	o := outcome.Classify(err)
	if o.Quiet {
		return err
	}
	if r.Sessions.IsUnreported(key) {
		r.wakeConnection(key)
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
		Message: fmt.Sprintf("ChatConnection %s is not ready (%s).", key, o.Reason)}
}
