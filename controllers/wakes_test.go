// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// After a broken watch, a list may show a replaced object as an update with the same generation. It
// is still enqueued.
func TestNamesakeIsAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		filter predicate.Predicate
		obj    client.Object
	}{
		"own resource":            {declarationChanged(), &chatv1alpha1.ChatParticipant{}},
		"connection of a thread":  {predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return connectionChange(e) != nil }}, &chatv1alpha1.ChatConnection{}},
		"thread of a participant": {threadAvailabilityChanged(), &chatv1alpha1.ChatThread{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same := objects.CopyOf(c.obj)
			if c.filter.Update(event.UpdateEvent{ObjectOld: c.obj, ObjectNew: same}) {
				t.Error("woken by nothing")
			}
			namesake := objects.CopyOf(c.obj)
			namesake.SetUID("another")
			if !c.filter.Update(event.UpdateEvent{ObjectOld: c.obj, ObjectNew: namesake}) {
				t.Error("not woken by a namesake")
			}
		})
	}
}
