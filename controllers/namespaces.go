// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// namespaceReader returns the reader for a Namespace: the cache if namespaces are watched.
func (r *ChatThreadReconciler) namespaceReader() client.Reader {
	if r.namespacesUnwatched {
		return r.APIReader
	}
	return r.Client
}

// checkNamespace returns an error if the thread may not use the connection in its present state.
func (r *ChatThreadReconciler) checkNamespace(ctx context.Context, s situation) error {
	allowed, err := r.isAllowed(ctx, s.thread.Namespace, s.conn)
	if err != nil || allowed {
		return err
	}
	message := fmt.Sprintf("ChatConnection %s does not allow namespace %s (spec.allowedNamespaces).", connectionKey(s.thread), s.thread.Namespace)
	if r.namespaced && isShared(s.conn) {
		message = fmt.Sprintf("The operator runs with --namespaced, so ChatConnection %s serves its own namespace only, whatever spec.allowedNamespaces says. "+
			"Create a ChatConnection in namespace %s.", connectionKey(s.thread), s.thread.Namespace)
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed, Message: message}
}

// isAllowed reports whether a namespace may use a connection.
func (r *ChatThreadReconciler) isAllowed(ctx context.Context, namespace string, conn *chatv1alpha1.ChatConnection) (bool, error) {
	if namespace == conn.Namespace {
		return true, nil
	}
	allowed := conn.Spec.AllowedNamespaces
	switch {
	case allowed == nil:
		return false, nil
	case r.namespaced:
		return false, nil
	case allowed.From == chatv1alpha1.NamespacesFromAll:
		return true, nil
	case allowed.From != chatv1alpha1.NamespacesFromSelector || allowed.Selector == nil:
		return false, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(namespaceSelector(allowed.Selector))
	if err != nil {
		return false, &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed,
			Message: fmt.Sprintf("spec.allowedNamespaces.selector of ChatConnection %s is not valid, so it allows no other namespace: %s.", objects.KeyOf(conn), outcome.Sanitize(err.Error(), outcome.MaxMessage))}
	}
	ns := &corev1.Namespace{}
	if err := r.namespaceReader().Get(ctx, types.NamespacedName{Name: namespace}, ns); err != nil {
		return false, fmt.Errorf("get Namespace: %w", err)
	}
	return selector.Matches(labels.Set(ns.Labels)), nil
}

// isShared reports whether other namespaces than its own may use the connection.
func isShared(conn *chatv1alpha1.ChatConnection) bool {
	allowed := conn.Spec.AllowedNamespaces
	return allowed != nil && allowed.From != "" && allowed.From != chatv1alpha1.NamespacesFromSame
}

// namespaceSelector converts a selector for the libraries of Kubernetes.
func namespaceSelector(selector *chatv1alpha1.LabelSelector) *metav1.LabelSelector {
	converted := &metav1.LabelSelector{MatchLabels: make(map[string]string, len(selector.MatchLabels))}
	for key, value := range selector.MatchLabels {
		converted.MatchLabels[key] = string(value)
	}
	for _, expression := range selector.MatchExpressions {
		values := make([]string, 0, len(expression.Values))
		for _, value := range expression.Values {
			values = append(values, string(value))
		}
		converted.MatchExpressions = append(converted.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: expression.Key, Operator: expression.Operator, Values: values,
		})
	}
	return converted
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
