// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
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

// startInformers fills the cache on a standby too: whoever comes to lead needs it at once.
func startInformers(ctx context.Context, mgr ctrl.Manager, namespaces bool) error {
	kinds := []client.Object{&chatv1alpha1.ChatConnection{}, &chatv1alpha1.ChatThread{}, &chatv1alpha1.ChatParticipant{}}
	if namespaces {
		kinds = append(kinds, &corev1.Namespace{})
	}
	for _, kind := range kinds {
		if _, err := mgr.GetCache().GetInformer(ctx, kind); err != nil {
			return fmt.Errorf("watch %T: %w", kind, err)
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
