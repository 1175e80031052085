// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package changes tells which changes of objects matter to the controllers: the filters of their
// watches.
//
// The operator's own writes do not, but for the status of a ChatParticipant, so at rest nothing is
// reconciled. The package enqueues nothing, reads no other object, and remembers nothing.
package changes

import (
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// OfLabels accepts changes of labels.
func OfLabels() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// byUsers accepts the changes by users: the spec, a deletion, the given annotations, and an emptied
// status.
func byUsers(annotations ...string) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		if IsReplaced(e) || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || isStatusLost(e) || isFinalizerLost(e) {
			return true
		}
		for _, annotation := range annotations {
			if e.ObjectOld.GetAnnotations()[annotation] != e.ObjectNew.GetAnnotations()[annotation] {
				return true
			}
		}
		return false
	}}
}

// IsReplaced reports whether an object was deleted and another one of the same name was created: a
// list after a broken watch shows that as a change.
func IsReplaced(e event.UpdateEvent) bool { return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() }

// isStatusLost reports whether somebody emptied a status.
func isStatusLost(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(objects.Conditioned)
	after, ok2 := e.ObjectNew.(objects.Conditioned)
	return ok && ok2 && len(before.GetConditions()) > 0 && len(after.GetConditions()) == 0
}

// isFinalizerLost reports whether somebody removed the finalizer from an object that is not being
// deleted. The operator itself does so only in a reconcile that needs no other one to follow; one
// more does no harm.
func isFinalizerLost(e event.UpdateEvent) bool {
	return objects.HasFinalizer(e.ObjectOld) && !objects.HasFinalizer(e.ObjectNew) && e.ObjectNew.GetDeletionTimestamp().IsZero()
}
