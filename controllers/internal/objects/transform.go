// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"slices"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// cachedAnnotations are the annotations that the operator reads, with the length of a value that it
// needs. Zero is the whole value: the operator itself writes it.
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

// TrimForCache removes from an object, on its way into the cache, the fields that the operator
// does not read: a user who may write an object could fill the memory of the operator with them.
// Patches compare two copies of the cached object, so they leave the removed fields alone.
func TrimForCache(in any) (any, error) {
	// An object that was deleted while the watch was interrupted comes wrapped. It was in the
	// cache, so it is reduced already.
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
	share(obj)
	return in, nil
}

// share has an object hold one copy of each value that other objects of the cache have too: users
// are members of many threads, and most threads are in the same state. The decoder makes a copy for
// each field, and slices with room for more.
func share(obj client.Object) {
	obj.SetNamespace(unique.Make(obj.GetNamespace()).Value())
	finalizers := obj.GetFinalizers()
	for i, finalizer := range finalizers {
		finalizers[i] = unique.Make(finalizer).Value()
	}
	switch o := obj.(type) {
	case *chatv1alpha1.ChatThread:
		o.Spec.Participants = slices.Clone(o.Spec.Participants)
		for i := range o.Spec.Participants {
			user := &o.Spec.Participants[i].UserID
			*user = unique.Make(*user).Value()
		}
		reference := &o.Spec.ConnectionRef
		*reference = unique.Make(*reference).Value()
		o.Status.ServiceUser = unique.Make(o.Status.ServiceUser).Value()
		if o.Status.UID == string(o.UID) {
			o.Status.UID = string(o.UID)
		}
		shareConditions(&o.Status.Conditions)
	case *chatv1alpha1.ChatParticipant:
		o.Spec.UserID = unique.Make(o.Spec.UserID).Value()
		shareConditions(&o.Status.Conditions)
	}
}

func shareConditions(conditions *[]metav1.Condition) {
	*conditions = slices.Clone(*conditions)
	for i := range *conditions {
		c := &(*conditions)[i]
		c.Type = unique.Make(c.Type).Value()
		c.Status = unique.Make(c.Status).Value()
		c.Reason = unique.Make(c.Reason).Value()
		c.Message = unique.Make(c.Message).Value()
	}
}

// readAnnotations returns the annotations that the operator reads, cut to the length that it needs.
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
		kept[name] = unique.Make(value).Value()
	}
	return kept
}
