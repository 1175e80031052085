// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// OfThread accepts the changes of a ChatThread by users. Only the operator adds or changes its
// service user, and only others remove it. A status of another uid comes from a backup.
func OfThread() predicate.Predicate {
	return predicate.Or(
		byUsers(chatv1alpha1.AnnotationAbandon, chatv1alpha1.AnnotationReconcileRequestedAt, chatv1alpha1.AnnotationRecover, chatv1alpha1.AnnotationReleaseTo),
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[chatv1alpha1.AnnotationServiceUser] != "" && e.ObjectNew.GetAnnotations()[chatv1alpha1.AnnotationServiceUser] == ""
		}},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*chatv1alpha1.ChatThread)
			after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatThread)
			return ok && ok2 && before.Status.UID != after.Status.UID && after.Status.UID != "" && after.Status.UID != string(after.UID)
		}},
	)
}

// OfRelease accepts ChatThreads that are gone or have lost the finalizer.
func OfRelease() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return objects.HasFinalizer(e.ObjectOld) && !objects.HasFinalizer(e.ObjectNew)
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// OfAvailability accepts changes that decide whether a ChatThread takes members at all. The roster
// reports the state of the members.
func OfAvailability() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*chatv1alpha1.ChatThread)
			after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatThread)
			return ok && ok2 && (IsReplaced(e) || before.Observes() != after.Observes() ||
				before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero())
		},
	}
}
