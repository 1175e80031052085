// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// cachedAnnotations are those that the operator reads, with how much of a value it needs. Zero is all of it:
// what is stored there comes from the operator.
var cachedAnnotations = map[string]int{
	chatv1alpha1.AnnotationServiceUser:          0,
	chatv1alpha1.AnnotationServiceUsers:         0,
	chatv1alpha1.AnnotationEndpoint:             0,
	chatv1alpha1.AnnotationReconcileRequestedAt: chatv1alpha1.MaxReconcileRequest,
	chatv1alpha1.AnnotationConfirmDeletions:     chatv1alpha1.MaxReconcileRequest,
	chatv1alpha1.AnnotationRecover:              2 * MaxThreadID,
	chatv1alpha1.AnnotationReleaseTo:            2 * MaxThreadID,
	chatv1alpha1.AnnotationAbandon:              outcome.MaxMessage,
}

// keepWhatIsRead drops from an object, on its way into the cache, what the operator does not read: whoever may
// write an object could fill the memory of the operator with it. Patches compare two copies of what is in the
// cache, so that they leave the rest alone.
func KeepWhatIsRead(in any) (any, error) {
	// What was deleted while the watch was broken off comes wrapped; it was in the cache, and is as it should be.
	if _, deleted := in.(cache.DeletedFinalStateUnknown); deleted {
		return in, nil
	}
	obj, ok := in.(client.Object)
	if !ok {
		return in, nil
	}
	obj.SetManagedFields(nil)
	obj.SetOwnerReferences(nil)
	if namespace, ok := obj.(*corev1.Namespace); ok {
		// The labels say which namespaces a connection allows.
		namespace.Annotations = nil
		return in, nil
	}
	obj.SetLabels(nil)
	obj.SetAnnotations(readAnnotations(obj.GetAnnotations()))
	return in, nil
}

// readAnnotations are the annotations that the operator reads, as far as it does.
func readAnnotations(annotations map[string]string) map[string]string {
	var kept map[string]string
	for name, limit := range cachedAnnotations {
		value, ok := annotations[name]
		if !ok {
			continue
		}
		if limit > 0 && len(value) > limit {
			value = outcome.Sanitize(value, limit)
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[name] = value
	}
	return kept
}
