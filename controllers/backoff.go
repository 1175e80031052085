// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// backoff is how long an object waits after passes that failed. A controller forgets the failures of an
// object after each pass without an error, also after one that only waited, for a quota or for a list:
// with a service in trouble failures and waits take turns, and would come in quick succession for ever.
// So they are forgotten where a pass says that it came to an end.
type backoff struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

func newBackoff() *backoff {
	return &backoff{workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstBackoff, lastBackoff)}
}

// Forget does nothing.
func (*backoff) Forget(reconcile.Request) {}

// end forgets the failures of an object.
func (b *backoff) end(key types.NamespacedName) {
	b.TypedRateLimiter.Forget(reconcile.Request{NamespacedName: key})
}
