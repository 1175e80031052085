// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// cacheLag is how long a reconcile waits for the cache to show the writes of this process.
	cacheLag = 50 * time.Millisecond
	// cacheLagLimit is how long such a write is waited for. Then the API server is asked: it may
	// have been restored to an earlier state, which the cache shows correctly.
	cacheLagLimit = 10 * time.Second
	// replacedLag is how long a reconcile waits for the cache to show that an object was replaced by
	// another one of its name.
	replacedLag = time.Second
	// releasedLimit is how long an object without finalizers is not reconciled again.
	releasedLimit = 5 * time.Minute
	// leastSweep is the least number of writes after which those that the cache shows are dropped.
	leastSweep = 256
)

// Store reads objects from the cache, and writes them to the API server. It remembers the version
// of each object that this process wrote last: to reconcile an older version would repeat work and
// events, and could leave a status that an older one hides.
type Store struct {
	client client.Client
	live   client.Reader

	mu sync.Mutex
	// written are the last writes of this process.
	written map[objectKey]ownWrite
	// sweepAt is the number of writes at which to drop those that the cache shows.
	sweepAt int
}

// objectKey is an object of any kind.
type objectKey struct {
	kind reflect.Type
	types.NamespacedName
}

type ownWrite struct {
	uid     types.UID
	version string
	// last says that the object had no finalizer after the write, and was being deleted.
	last bool
	at   time.Time
}

// NewStore returns a Store. The client reads from the cache, live from the API server.
func NewStore(c client.Client, live client.Reader) *Store {
	return &Store{client: c, live: live, written: map[objectKey]ownWrite{}, sweepAt: leastSweep}
}

func keyIn(obj client.Object, name types.NamespacedName) objectKey {
	return objectKey{kind: reflect.TypeOf(obj), NamespacedName: name}
}

// Get reads an object, which must be empty, from the cache. If wait is not zero, the cache does not
// show a write of this process yet: the object must not be used, and is to be read again after that
// time. A cache that is late for long is bypassed, but not for an object that replaced the one that
// the cache shows.
func (s *Store) Get(ctx context.Context, name types.NamespacedName, obj client.Object) (wait time.Duration, err error) {
	live := CopyOf(obj)
	if err := s.client.Get(ctx, name, obj); err != nil {
		return 0, s.gone(name, obj, err)
	}
	wait, late := s.lag(obj)
	if !late {
		return wait, nil
	}
	if err := s.live.Get(ctx, name, live); err != nil {
		return 0, s.gone(name, obj, err)
	}
	if live.GetUID() != obj.GetUID() {
		// The cache is as old for other objects: for claims of threads, and for members.
		return replacedLag, nil
	}
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(live).Elem())
	if _, late := s.lag(obj); late {
		// The API server does not know the write any more.
		s.forget(keyIn(obj, name))
	}
	return 0, nil
}

// gone forgets an object that does not exist.
func (s *Store) gone(name types.NamespacedName, obj client.Object, err error) error {
	if apierrors.IsNotFound(err) {
		s.forget(keyIn(obj, name))
	}
	return err
}

// lag returns how long to wait if the object is older than the last write, and whether it was
// waited for long enough. An object that was released is gone, and the cache will show that.
func (s *Store) lag(obj client.Object) (wait time.Duration, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written, ok := s.written[keyIn(obj, KeyOf(obj))]
	if !ok || written.uid != obj.GetUID() {
		return 0, false
	}
	age := time.Since(written.at)
	if written.last && age <= releasedLimit {
		return releasedLimit, false
	}
	if order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written.version); err != nil || order >= 0 {
		return 0, false
	}
	if age > cacheLagLimit {
		return 0, true
	}
	return cacheLag, false
}

// PatchStatus writes the fields in which the statuses of before and after differ; if there are
// none, it writes nothing. The patch tests the uid, so that it cannot change another object of that
// name. It tests no resource version, so that an edit of the spec cannot lose an allocation.
func (s *Store) PatchStatus(ctx context.Context, before, after client.Object) error {
	version := after.GetResourceVersion()
	if err := patchStatus(ctx, s.client, before, after); err != nil {
		return err
	}
	s.remember(after, version)
	return nil
}

// PatchMetadata writes the finalizers and annotations that change edits. It fails with a conflict
// if the API server holds another version of the object. obj then has the metadata that the API
// server stored.
func (s *Store) PatchMetadata(ctx context.Context, obj client.Object, change func(client.Object)) error {
	version := obj.GetResourceVersion()
	if err := patchMetadata(ctx, s.client, obj, change); err != nil {
		return err
	}
	s.remember(obj, version)
	return nil
}

// RemoveFinalizer removes the finalizer of the operator from an object. It succeeds if the object
// is gone already.
func (s *Store) RemoveFinalizer(ctx context.Context, obj client.Object) error {
	err := s.PatchMetadata(ctx, obj, func(o client.Object) { controllerutil.RemoveFinalizer(o, chatv1alpha1.Finalizer) })
	if apierrors.IsNotFound(err) {
		obj.SetFinalizers(nil)
		s.remember(obj, "")
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	return nil
}

// remember notes the version of an object after a write. It was former before; if it is the same,
// nothing was written.
func (s *Store) remember(obj client.Object, former string) {
	if obj.GetResourceVersion() == former {
		return
	}
	s.sweep(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[keyIn(obj, KeyOf(obj))] = ownWrite{uid: obj.GetUID(), version: obj.GetResourceVersion(), at: time.Now(),
		last: !obj.GetDeletionTimestamp().IsZero() && len(obj.GetFinalizers()) == 0}
}

// sweep drops the writes that the cache shows, so that the memory of the process does not grow with
// the objects that it ever wrote. It reads each of them from the cache once at most.
func (s *Store) sweep(ctx context.Context) {
	s.mu.Lock()
	if len(s.written) < s.sweepAt {
		s.mu.Unlock()
		return
	}
	// Others go on meanwhile, without a sweep of their own.
	s.sweepAt = math.MaxInt
	old := map[objectKey]ownWrite{}
	for key, written := range s.written {
		if !written.last && time.Since(written.at) > cacheLag {
			old[key] = written
		}
	}
	s.mu.Unlock()
	for key, written := range old {
		if !s.shows(ctx, key, written) {
			delete(old, key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, written := range old {
		if s.written[key] == written {
			delete(s.written, key)
		}
	}
	s.sweepAt = 2*len(s.written) + leastSweep
}

// shows reports whether the cache shows a write, or that the object is another one by now.
func (s *Store) shows(ctx context.Context, key objectKey, written ownWrite) bool {
	obj, ok := reflect.TypeAssert[client.Object](reflect.New(key.kind.Elem()))
	if !ok || s.client.Get(ctx, key.NamespacedName, obj) != nil {
		return false
	}
	if obj.GetUID() != written.uid {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written.version)
	return err == nil && order >= 0
}

// forget drops the writes to an object that is gone.
func (s *Store) forget(key objectKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.written, key)
}
