// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package access tells which namespaces may use a ChatConnection.
//
// It writes no status, does not call ACS, and remembers nothing: a namespace that loses its label
// loses its access with the next question.
package access

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Rules are the rules of one operator.
type Rules struct {
	// Namespaces reads a Namespace: from the cache if namespaces are watched.
	Namespaces client.Reader
	// OwnOnly is set if a connection serves its own namespace only, in spite of its spec, as nothing
	// may be read of others.
	OwnOnly bool
}

// Allow reports whether a namespace may use a connection.
func (r Rules) Allow(ctx context.Context, namespace string, conn *chatv1alpha1.ChatConnection) (bool, error) {
	if namespace == conn.Namespace {
		return true, nil
	}
	allowed := conn.Spec.AllowedNamespaces
	switch {
	case allowed == nil:
		return false, nil
	case r.OwnOnly:
		return false, nil
	case allowed.From == chatv1alpha1.NamespacesFromAll:
		return true, nil
	case allowed.From != chatv1alpha1.NamespacesFromSelector || allowed.Selector == nil:
		return false, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(convert(allowed.Selector))
	if err != nil {
		return false, &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed,
			Message: fmt.Sprintf("spec.allowedNamespaces.selector of ChatConnection %s is not valid, so it allows no other namespace: %s.", objects.KeyOf(conn), outcome.Sanitize(err.Error(), outcome.MaxMessage))}
	}
	ns := &corev1.Namespace{}
	if err := r.Namespaces.Get(ctx, types.NamespacedName{Name: namespace}, ns); err != nil {
		return false, fmt.Errorf("get Namespace: %w", err)
	}
	return selector.Matches(labels.Set(ns.Labels)), nil
}

// IsShared reports whether other namespaces than its own may use the connection.
func IsShared(conn *chatv1alpha1.ChatConnection) bool {
	allowed := conn.Spec.AllowedNamespaces
	return allowed != nil && allowed.From != "" && allowed.From != chatv1alpha1.NamespacesFromSame
}

// convert converts a selector for the libraries of Kubernetes.
func convert(selector *chatv1alpha1.LabelSelector) *metav1.LabelSelector {
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
