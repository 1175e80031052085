// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// cacheLag is how long a pass waits for the cache to show what this process wrote.
	cacheLag = 50 * time.Millisecond
	// cacheLagLimit is for how long such a write is waited for. A cache that does not show it by then never will:
	// the API server was put back to an earlier state, for example.
	CacheLagLimit = 10 * time.Second
	// releasedLimit is for how long an object that nothing kept any more is passed over.
	ReleasedLimit = 5 * time.Minute
)

// ownWrites remembers the version of each object that this process wrote last. A pass over an older one
// would do and tell once more what was done.
type OwnWrites struct {
	mu       sync.Mutex
	versions map[types.NamespacedName]ownWrite
}

type ownWrite struct {
	uid     types.UID
	version string
	// last says that nothing kept the object any more after it.
	last bool
	at   time.Time
}

func NewOwnWrites() *OwnWrites { return &OwnWrites{versions: map[types.NamespacedName]ownWrite{}} }

// note remembers the version of an object after a pass.
func (o *OwnWrites) Note(obj client.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.versions[KeyOf(obj)]; known.uid == obj.GetUID() && known.version == obj.GetResourceVersion() {
		return
	}
	o.versions[KeyOf(obj)] = ownWrite{uid: obj.GetUID(), version: obj.GetResourceVersion(), at: time.Now(),
		last: !obj.GetDeletionTimestamp().IsZero() && len(obj.GetFinalizers()) == 0}
}

// isBehind says whether an object that was read from the cache is older than the last write, and how the
// pass over it ends: it comes again soon, or, where the object is no more, when the cache shows that.
func (o *OwnWrites) IsBehind(obj client.Object) (reconcile.Result, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	written, ok := o.versions[KeyOf(obj)]
	age := time.Since(written.at)
	switch {
	case !ok || written.uid != obj.GetUID():
		return reconcile.Result{}, false
	case written.last:
		return reconcile.Result{RequeueAfter: ReleasedLimit}, age <= ReleasedLimit
	case age > CacheLagLimit:
		return reconcile.Result{}, false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written.version)
	return reconcile.Result{RequeueAfter: cacheLag}, err == nil && order < 0
}

// forget drops an object that is no more.
func (o *OwnWrites) Forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.versions, key)
}
