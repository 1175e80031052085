// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Most reconciles leave the status as it is. They write nothing, and make no JSON of the object to
// learn that.
func TestSameStatusCostsNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	cache := newLateCache(t)
	store := NewStore(cache, cache.api)
	thread := room()
	for n := range 200 {
		thread.Spec.Participants = append(thread.Spec.Participants, chatv1alpha1.Member{UserID: chatv1alpha1.UserID(fmt.Sprint("8:acs:", n))})
	}
	thread.Status.Joined = "200/200"
	for _, obj := range []client.Object{thread, &chatv1alpha1.ChatParticipant{}, &chatv1alpha1.ChatConnection{}} {
		before := CopyOf(obj)
		if allocations := testing.AllocsPerRun(10, func() {
			if err := store.PatchStatus(t.Context(), before, obj); err != nil {
				t.Error(err)
			}
		}); allocations > 10 {
			t.Errorf("%T: %.0f allocations", obj, allocations)
		}
	}
	if cache.writes > 0 {
		t.Errorf("%d writes", cache.writes)
	}
}
