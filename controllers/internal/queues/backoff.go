// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// The wait after a failed reconcile of an object doubles from firstBackoff to LastBackoff.
const (
	firstBackoff = time.Second
	LastBackoff  = 30 * time.Second
)

// NewRateLimiter returns the ordinary backoff of a controller.
func NewRateLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstBackoff, LastBackoff)
}

// Backoff is a backoff that outlasts waits. A controller forgets the failures of an object after
// each reconcile without an error, also after one that only waited for a quota or a list. If
// failures and waits alternate, the retries would stay in quick succession. A Backoff forgets
// failures only when End is called.
type Backoff struct {
	workqueue.TypedRateLimiter[reconcile.Request]
}

// NewBackoff returns a Backoff.
func NewBackoff() *Backoff { return &Backoff{NewRateLimiter()} }

// Forget does nothing.
func (*Backoff) Forget(reconcile.Request) {}

// End forgets the failures of an object.
func (b *Backoff) End(key types.NamespacedName) {
	b.TypedRateLimiter.Forget(reconcile.Request{NamespacedName: key})
}
