// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// mayListNamespaces says whether the operator watches all namespaces of the cluster, whose labels
// spec.allowedNamespaces may select by. An operator for some namespaces may have permissions in these only:
// then it reads a Namespace when it needs one, by its name, which a Role in that namespace permits.
func mayListNamespaces(ctx context.Context, mgr ctrl.Manager, options Options) (bool, error) {
	if len(options.WatchNamespaces) == 0 {
		return true, nil
	}
	err := mgr.GetAPIReader().List(ctx, &corev1.NamespaceList{}, client.Limit(1))
	if apierrors.IsForbidden(err) {
		mgr.GetLogger().Info("Namespaces are read one by one, as listing them is forbidden: a change of their labels counts from the next resync on")
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list namespaces: %w", err)
	}
	return true, nil
}

// startInformers fills the cache on a standby too: a replica that becomes the leader needs it at once.
func startInformers(ctx context.Context, mgr ctrl.Manager, watches []Watch) error {
	for _, watch := range watches {
		if _, err := mgr.GetCache().GetInformer(ctx, watch.Of); err != nil {
			return fmt.Errorf("watch %T: %w", watch.Of, err)
		}
	}
	return nil
}

// namespaceReader reads a Namespace: from the cache where namespaces are watched.
func (r *ChatThreadReconciler) namespaceReader() client.Reader {
	if r.namespacesUnwatched {
		return r.APIReader
	}
	return r.Client
}

// checkNamespace says whether the thread may use the connection, as the connection stands now.
func (r *ChatThreadReconciler) checkNamespace(ctx context.Context, s situation) error {
	allowed, err := r.isAllowed(ctx, s.thread.Namespace, s.conn)
	if err != nil || allowed {
		return err
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed,
		Message: fmt.Sprintf("ChatConnection %s does not allow namespace %s (spec.allowedNamespaces).", connectionKey(s.thread), s.thread.Namespace)}
}

func (r *ChatThreadReconciler) isAllowed(ctx context.Context, namespace string, conn *chatv1alpha1.ChatConnection) (bool, error) {
	if namespace == conn.Namespace {
		return true, nil
	}
	allowed := conn.Spec.AllowedNamespaces
	switch {
	case allowed == nil:
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

// isShared says whether other namespaces than the connection's own may use it.
func isShared(conn *chatv1alpha1.ChatConnection) bool {
	allowed := conn.Spec.AllowedNamespaces
	return allowed != nil && allowed.From != "" && allowed.From != chatv1alpha1.NamespacesFromSame
}

// namespaceSelector is the selector in the form that Kubernetes' libraries take.
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
