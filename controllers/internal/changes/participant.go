// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// OfParticipant accepts the changes of a ChatParticipant by users, and each change of its status. A
// process that ended may have written one that this process learns of late, after it found that
// there is nothing to write. Nothing else would repair that: ChatParticipants have no resync. To
// compare the status with the roster again costs no request.
func OfParticipant() predicate.Predicate {
	return predicate.Or(
		byUsers(chatv1alpha1.AnnotationAbandon),
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*chatv1alpha1.ChatParticipant)
			after, ok2 := e.ObjectNew.(*chatv1alpha1.ChatParticipant)
			return ok && ok2 && !equality.Semantic.DeepEqual(before.Status, after.Status)
		}},
	)
}

// IsMember reports whether a change of a ChatParticipant concerns the members of its ChatThread: a
// ChatParticipant counts as soon as its finalizer is stored.
func IsMember(e event.UpdateEvent) bool {
	return objects.HasFinalizer(e.ObjectOld) != objects.HasFinalizer(e.ObjectNew) && e.ObjectNew.GetDeletionTimestamp().IsZero() ||
		e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
}
