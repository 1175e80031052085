// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// backoff is how long an object waits after passes that failed. A controller forgets the failures of an
// object after each pass without an error, also after one that only waited, for a quota or for a list:
// with a service in trouble failures and waits take turns, and would come in quick succession for ever.
// So they are forgotten where a pass says that it came to an end.
type Backoff struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

func NewBackoff() *Backoff { return &Backoff{NewRateLimiter()} }

// NewRateLimiter returns the ordinary backoff of a controller, between FirstBackoff and LastBackoff.
func NewRateLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](FirstBackoff, LastBackoff)
}

// Forget does nothing.
func (*Backoff) Forget(reconcile.Request) {}

// end forgets the failures of an object.
func (b *Backoff) End(key types.NamespacedName) {
	b.TypedRateLimiter.Forget(reconcile.Request{NamespacedName: key})
}

// firstBackoff and lastBackoff bound the wait after a failed pass over an object.
const FirstBackoff = time.Second

const LastBackoff = 30 * time.Second
