// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// cacheLag is how long a pass waits for the cache to show what this process wrote.
const cacheLag = 50 * time.Millisecond

// ownWrites remembers the version of each object that this process wrote last. A pass over an older one
// would do and tell once more what was done.
type ownWrites struct {
	mu       sync.Mutex
	versions map[types.NamespacedName]ownWrite
}

type ownWrite struct {
	uid     types.UID
	version string
}

func newOwnWrites() *ownWrites { return &ownWrites{versions: map[types.NamespacedName]ownWrite{}} }

// note remembers the version of an object after a pass.
func (o *ownWrites) note(obj client.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.versions[keyOf(obj)] = ownWrite{uid: obj.GetUID(), version: obj.GetResourceVersion()}
}

// isBehind says whether an object that was read from the cache is older than the last write.
func (o *ownWrites) isBehind(obj client.Object) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	last, ok := o.versions[keyOf(obj)]
	if !ok || last.uid != obj.GetUID() {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), last.version)
	return err == nil && order < 0
}

// forget drops an object that is no more.
func (o *ownWrites) forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.versions, key)
}

// behind is the result of a pass that waits for the cache.
func behind() reconcile.Result { return reconcile.Result{RequeueAfter: cacheLag} }
