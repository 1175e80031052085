// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A controller forgets after each reconcile without an error. Only the end of the trouble counts.
func TestBackoffOutlastsWaits(t *testing.T) {
	t.Parallel()
	b := NewBackoff()
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: "b"}}
	for _, want := range []int{1, 2, 4, 8, 16, 30, 30} {
		if got := b.When(request); int(got.Seconds()) != want {
			t.Errorf("waits %s, want %ds", got, want)
		}
		b.Forget(request)
	}
	b.End(request.NamespacedName)
	if got := b.When(request); got != firstBackoff {
		t.Errorf("waits %s after a success, want %s", got, firstBackoff)
	}
}
