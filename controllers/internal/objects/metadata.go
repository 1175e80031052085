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

// MaxThreadID is the longest thread id that fits into a status, in bytes. Those of ACS have about
// 64.
const MaxThreadID = 1024

// KeyOf returns namespace and name of an object.
func KeyOf(obj client.Object) types.NamespacedName { return client.ObjectKeyFromObject(obj) }

// CopyOf returns a deep copy of an object.
func CopyOf[T client.Object](obj T) T {
	return obj.DeepCopyObject().(T) //nolint:errcheck // a copy has the type of the original
}

// SetAnnotation sets an annotation in memory.
func SetAnnotation(obj client.Object, key, value string) {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	obj.SetAnnotations(annotations)
}

// ReconcileRequested returns the value of the annotation reconcile-requested-at, cut to the length
// that fits into a status; it is empty if there is none.
func ReconcileRequested(obj client.Object) string {
	value := obj.GetAnnotations()[chatv1alpha1.AnnotationReconcileRequestedAt]
	if len(value) > chatv1alpha1.MaxReconcileRequest {
		return outcome.Sanitize(value, chatv1alpha1.MaxReconcileRequest)
	}
	return value
}

// IsRequested reports whether a reconcile is requested that the status does not answer; handled is
// the last answer.
func IsRequested(obj client.Object, handled string) bool {
	requested := ReconcileRequested(obj)
	return requested != "" && requested != handled
}

// HasFinalizer reports whether an object has the finalizer of the operator.
func HasFinalizer(obj client.Object) bool {
	return controllerutil.ContainsFinalizer(obj, chatv1alpha1.Finalizer)
}

// IsAbandoned reports whether a user asked to delete the object without waiting for ACS.
func IsAbandoned(obj client.Object) bool {
	return obj.GetAnnotations()[chatv1alpha1.AnnotationAbandon] == "true"
}
