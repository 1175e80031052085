// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// maxThreadID is how long an id status takes, in bytes. Those of ACS have 64 or so.
const MaxThreadID = 1024

func KeyOf(obj client.Object) types.NamespacedName { return client.ObjectKeyFromObject(obj) }

func CopyOf(obj client.Object) client.Object {
	return obj.DeepCopyObject().(client.Object) //nolint:errcheck // a copy has the type of what it copies
}

func SetAnnotation(obj client.Object, key, value string) {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	obj.SetAnnotations(annotations)
}

// reconcileRequested returns the value that asks for a pass at once, as it is answered.
func ReconcileRequested(obj client.Object) string {
	value := obj.GetAnnotations()[chatv1alpha1.AnnotationReconcileRequestedAt]
	if len(value) > chatv1alpha1.MaxReconcileRequest {
		return outcome.Sanitize(value, chatv1alpha1.MaxReconcileRequest)
	}
	return value
}

// isRequested says whether a pass is asked for that was not answered yet.
func IsRequested(obj client.Object, handled string) bool {
	requested := ReconcileRequested(obj)
	return requested != "" && requested != handled
}

func HasFinalizer(obj client.Object) bool {
	return controllerutil.ContainsFinalizer(obj, chatv1alpha1.Finalizer)
}

func IsAbandoned(obj client.Object) bool {
	return obj.GetAnnotations()[chatv1alpha1.AnnotationAbandon] == "true"
}
