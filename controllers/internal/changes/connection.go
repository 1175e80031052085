// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package changes

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// OfConnection accepts the changes of a ChatConnection by users, and records that somebody
// shortened.
func OfConnection() predicate.Predicate {
	return predicate.Or(byUsers(chatv1alpha1.AnnotationReconcileRequestedAt, chatv1alpha1.AnnotationConfirmDeletions), ofShorterRecord())
}

// ofShorterRecord accepts a ChatConnection whose record of service users or endpoint somebody
// shortened.
func ofShorterRecord() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			for _, annotation := range []string{chatv1alpha1.AnnotationServiceUsers, chatv1alpha1.AnnotationEndpoint} {
				if len(e.ObjectNew.GetAnnotations()[annotation]) < len(e.ObjectOld.GetAnnotations()[annotation]) {
					return true
				}
			}
			return false
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// AnyThread accepts each ChatThread of a ChatConnection.
func AnyThread(*chatv1alpha1.ChatThread) bool { return true }

// ConcernedThreads returns a filter for the threads that a change of their connection concerns; nil
// for none. All threads wait for a connection that gets another spec or more service users, or
// becomes or ceases to be Ready. A request concerns the threads that are not Ready, a confirmation
// those that are being deleted.
func ConcernedThreads(e event.UpdateEvent) func(*chatv1alpha1.ChatThread) bool {
	before, ok := e.ObjectOld.(*chatv1alpha1.ChatConnection)
	after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatConnection)
	if !ok || !ok2 {
		return nil
	}
	beforeStatus, beforeReason := objects.ReadyReason(before)
	status, reason := objects.ReadyReason(after)
	switch {
	case IsReplaced(e), before.Generation != after.Generation, beforeStatus != status, beforeReason != reason,
		before.Annotations[chatv1alpha1.AnnotationServiceUsers] != after.Annotations[chatv1alpha1.AnnotationServiceUsers]:
		return AnyThread
	case objects.ReconcileRequested(before) != objects.ReconcileRequested(after):
		return func(thread *chatv1alpha1.ChatThread) bool {
			ready, _ := objects.ReadyReason(thread)
			return ready != metav1.ConditionTrue
		}
	case before.Status.ConfirmedDeletions != after.Status.ConfirmedDeletions:
		return func(thread *chatv1alpha1.ChatThread) bool { return !thread.DeletionTimestamp.IsZero() }
	default:
		return nil
	}
}
