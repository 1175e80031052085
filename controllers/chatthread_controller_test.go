// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A value from a newer version of the schema stalls the ChatThread. The operator does not act on
// the default instead, which does the most. Only a deletion can be abandoned.
func TestUnknownValuesDoNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*chatv1alpha1.ChatThreadSpec){
		"managementPolicy": func(s *chatv1alpha1.ChatThreadSpec) { s.ManagementPolicy = "Paused" },
		"membershipPolicy": func(s *chatv1alpha1.ChatThreadSpec) { s.MembershipPolicy = "Mirror" },
		"deletionPolicy":   func(s *chatv1alpha1.ChatThreadSpec) { s.DeletionPolicy = "Archive" },
		"recreationPolicy": func(s *chatv1alpha1.ChatThreadSpec) { s.RecreationPolicy = "Once" },
		"participants": func(s *chatv1alpha1.ChatThreadSpec) {
			s.Participants = []chatv1alpha1.Member{{UserID: "8:acs:a", ShareHistory: "Some"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, state := range []struct{ deleting, abandoned bool }{{}, {deleting: true}, {abandoned: true}} {
				thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "room", Finalizers: []string{chatv1alpha1.Finalizer}}}
				thread.Status.ThreadID = "19:x"
				if state.deleting {
					thread.DeletionTimestamp = new(metav1.Now())
				}
				if state.abandoned {
					objects.SetAnnotation(thread, chatv1alpha1.AnnotationAbandon, "true")
				}
				if unknown := thread.UnknownValue(); unknown != "" {
					t.Errorf("the zero value is unknown: %s", unknown)
				}
				change(&thread.Spec)
				s := situation{run: run{thread: thread, before: thread.DeepCopy()}}
				_, err := (&ChatThreadReconciler{}).reconcile(t.Context(), s)
				got := outcome.Classify(err)
				if got.Reason != chatv1alpha1.ReasonInvalidRequest || !got.Stalled {
					t.Errorf("%+v: %+v", state, got)
				}
			}
		})
	}
}
