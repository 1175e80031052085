// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A ChatThread claims the thread in its status, and none of the same bucket.
func TestClaimants(t *testing.T) {
	t.Parallel()
	const id = "19:a"
	other := ""
	for n := 0; other == ""; n++ {
		if candidate := fmt.Sprint("19:", n); bucketOf(candidate) == bucketOf(id) {
			other = candidate
		}
	}
	o := newMemoryOperator(t, unlimited)
	for _, name := range []string{id, other} {
		o.thread(t, name)
	}
	for _, name := range []string{id, other} {
		found, err := claimants(t.Context(), o.cluster, name)
		if err != nil || len(found) != 1 || found[0].Name != name {
			t.Errorf("claimants of %s: %v, %v", name, found, err)
		}
	}
	o.thread(t, "second", func(thread *chatv1alpha1.ChatThread) { thread.Status.ThreadID = id })
	if found, err := claimants(t.Context(), o.cluster, id); err != nil || len(found) != 2 {
		t.Errorf("%d claimants, want two: %v", len(found), err)
	}
}
