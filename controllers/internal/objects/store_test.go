// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

var roomName = types.NamespacedName{Namespace: "ns", Name: "room"}

// lateCache is an API server with a cache that shows its objects only when it is synced.
type lateCache struct {
	client.WithWatch
	api    client.WithWatch
	shown  *chatv1alpha1.ChatThread
	writes int
}

func newLateCache(t *testing.T, objs ...client.Object) *lateCache {
	t.Helper()
	scheme := runtime.NewScheme()
	utilruntime.Must(chatv1alpha1.AddToScheme(scheme))
	c := &lateCache{api: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objs...).WithStatusSubresource(&chatv1alpha1.ChatThread{}).Build()}
	c.WithWatch = interceptor.NewClient(c.api, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
			if c.shown == nil {
				return apierrors.NewNotFound(chatv1alpha1.GroupVersion.WithResource("chatthreads").GroupResource(), key.Name)
			}
			c.shown.DeepCopyInto(obj.(*chatv1alpha1.ChatThread)) //nolint:errcheck,forcetypeassert // nothing else is read
			return nil
		},
		Patch: func(ctx context.Context, api client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			c.writes++
			return api.Patch(ctx, obj, patch, opts...)
		},
		SubResourcePatch: func(ctx context.Context, api client.Client, _ string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			c.writes++
			return api.Status().Patch(ctx, obj, patch, opts...)
		},
	})
	c.sync(t)
	return c
}

// sync has the cache show the objects of the API server.
func (c *lateCache) sync(t *testing.T) {
	t.Helper()
	c.shown = &chatv1alpha1.ChatThread{}
	if err := c.api.Get(t.Context(), roomName, c.shown); apierrors.IsNotFound(err) {
		c.shown = nil
	} else if err != nil {
		t.Fatal(err)
	}
}

func room() *chatv1alpha1.ChatThread {
	return &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: roomName.Namespace, Name: roomName.Name, UID: "uid"}}
}

// read reads the thread through the store.
func read(t *testing.T, store *Store) (*chatv1alpha1.ChatThread, time.Duration) {
	t.Helper()
	thread := &chatv1alpha1.ChatThread{}
	wait, err := store.Get(t.Context(), roomName, thread)
	if err != nil {
		t.Fatal(err)
	}
	return thread, wait
}

func addFinalizer(obj client.Object) { controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer) }

// Each write is waited for until the cache shows it; a patch that changes nothing is no write.
func TestStoreWaitsForTheCache(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(context.Context, *Store, *chatv1alpha1.ChatThread) error{
		"status": func(ctx context.Context, store *Store, thread *chatv1alpha1.ChatThread) error {
			before := thread.DeepCopy()
			thread.Status.ThreadID = "19:a"
			return store.PatchStatus(ctx, before, thread)
		},
		"metadata": func(ctx context.Context, store *Store, thread *chatv1alpha1.ChatThread) error {
			return store.PatchMetadata(ctx, thread, addFinalizer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := newLateCache(t, room())
			store := NewStore(cache, cache.api)
			for n := range 2 {
				thread, wait := read(t, store)
				if wait > 0 {
					t.Fatal("the cache is waited for though nothing was written")
				}
				acstest.MustSucceed(t, write(t.Context(), store, thread))
				if cache.writes != 1 {
					t.Fatalf("%d writes", cache.writes)
				}
				if _, wait := read(t, store); (wait == cacheLag) != (n == 0) {
					t.Errorf("waits %s after round %d", wait, n)
				}
				cache.sync(t)
			}
		})
	}
}

// A write that was refused is not waited for, and changes nothing in memory.
func TestStoreForgetsRefusedWrites(t *testing.T) {
	t.Parallel()
	cache := newLateCache(t, room())
	store := NewStore(cache, cache.api)
	thread, _ := read(t, store)
	acstest.MustSucceed(t, NewStore(cache, cache.api).PatchMetadata(t.Context(), thread.DeepCopy(), addFinalizer))
	if err := store.PatchMetadata(t.Context(), thread, addFinalizer); !apierrors.IsConflict(err) || HasFinalizer(thread) {
		t.Errorf("error %v, finalizers %v", err, thread.Finalizers)
	}
	if _, wait := read(t, store); wait > 0 {
		t.Errorf("waits %s", wait)
	}
}

// A cache that is late for long is bypassed: a status that this process wrote must not hide behind
// an older one.
func TestStoreBypassesALateCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := newLateCache(t, room())
		store := NewStore(cache, cache.api)
		thread, _ := read(t, store)
		acstest.MustSucceed(t, store.PatchMetadata(t.Context(), thread, addFinalizer))
		<-time.After(cacheLagLimit)
		if _, wait := read(t, store); wait != cacheLag {
			t.Errorf("waits %s after %s", wait, cacheLagLimit)
		}
		<-time.After(time.Second)
		for range 2 {
			if live, wait := read(t, store); wait > 0 || live.ResourceVersion != thread.ResourceVersion {
				t.Errorf("waits %s, shows version %s, want %s", wait, live.ResourceVersion, thread.ResourceVersion)
			}
		}
		acstest.MustSucceed(t, cache.api.Delete(t.Context(), thread))
		acstest.MustSucceed(t, cache.api.Patch(t.Context(), thread, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
		if _, err := store.Get(t.Context(), roomName, &chatv1alpha1.ChatThread{}); !apierrors.IsNotFound(err) || len(store.written) != 0 {
			t.Errorf("an object that is gone: %v, remembers %v", err, store.written)
		}
	})
}

// An object that replaced another one is not used before the cache shows it: by the rest of an old
// cache, its thread would seem to have another owner, and it would get a second one.
func TestStoreWaitsForAReplacement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := newLateCache(t, room())
		store := NewStore(cache, cache.api)
		thread, _ := read(t, store)
		acstest.MustSucceed(t, store.PatchMetadata(t.Context(), thread, func(obj client.Object) { obj.SetAnnotations(map[string]string{"a": "b"}) }))
		acstest.MustSucceed(t, cache.api.Delete(t.Context(), thread))
		replacement := room()
		replacement.UID = "another"
		acstest.MustSucceed(t, cache.api.Create(t.Context(), replacement))
		<-time.After(cacheLagLimit + time.Second)
		if _, wait := read(t, store); wait != replacedLag {
			t.Errorf("waits %s for the cache, want %s", wait, replacedLag)
		}
		cache.sync(t)
		if shown, wait := read(t, store); wait != 0 || shown.UID != "another" {
			t.Errorf("waits %s, reads uid %s", wait, shown.UID)
		}
	})
}

// An API server that was restored to an earlier state never shows a write: it is not waited for
// forever.
func TestStoreDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := newLateCache(t, room())
		store := NewStore(cache, cache.api)
		thread, _ := read(t, store)
		acstest.MustSucceed(t, store.PatchMetadata(t.Context(), thread, addFinalizer))
		store.live = cache
		<-time.After(cacheLagLimit + time.Second)
		if restored, wait := read(t, store); wait > 0 || HasFinalizer(restored) || len(store.written) != 0 {
			t.Errorf("waits %s, finalizers %v, remembers %v", wait, restored.Finalizers, store.written)
		}
	})
}

// An object that was released is not reconciled again for a while, however old the cache is.
func TestStoreSkipsReleasedObjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		thread := room()
		addFinalizer(thread)
		cache := newLateCache(t, thread)
		store := NewStore(cache, cache.api)
		acstest.MustSucceed(t, cache.api.Delete(t.Context(), thread))
		cache.sync(t)
		thread, _ = read(t, store)
		acstest.MustSucceed(t, store.RemoveFinalizer(t.Context(), thread))
		<-time.After(releasedLimit)
		if _, wait := read(t, store); wait != releasedLimit {
			t.Errorf("waits %s for an object that was released", wait)
		}
		<-time.After(time.Second)
		if _, err := store.Get(t.Context(), roomName, &chatv1alpha1.ChatThread{}); !apierrors.IsNotFound(err) {
			t.Errorf("an object that was released more than %s ago: %v", releasedLimit, err)
		}
	})
}

// An object that is gone is forgotten. Another object of its name is another one.
func TestStoreForgets(t *testing.T) {
	t.Parallel()
	cache := newLateCache(t, room())
	store := NewStore(cache, cache.api)
	thread, _ := read(t, store)
	acstest.MustSucceed(t, store.PatchMetadata(t.Context(), thread, addFinalizer))
	cache.shown.UID = "another"
	if _, wait := read(t, store); wait > 0 {
		t.Errorf("waits %s for another object of the name", wait)
	}
	cache.shown = nil
	if _, err := store.Get(t.Context(), roomName, thread); !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if len(store.written) != 0 {
		t.Errorf("remembers %v", store.written)
	}
}

// A finalizer that is gone together with its object was removed.
func TestStoreRemovesTheFinalizerOfNothing(t *testing.T) {
	t.Parallel()
	thread := room()
	addFinalizer(thread)
	cache := newLateCache(t)
	if err := NewStore(cache, cache.api).RemoveFinalizer(t.Context(), thread); err != nil || len(thread.Finalizers) != 0 {
		t.Errorf("error %v, finalizers %v", err, thread.Finalizers)
	}
}

// A change of metadata moves memory and stored state on. A status that is not written yet stays in
// memory.
func TestSnapshotOfMetadata(t *testing.T) {
	t.Parallel()
	cache := newLateCache(t, room())
	store := NewStore(cache, cache.api)
	thread, _ := read(t, store)
	s := NewSnapshot(store, thread)
	s.Object.Status.Joined = "0/1"
	for _, step := range []struct {
		patch func(context.Context) error
		held  bool
	}{
		{func(ctx context.Context) error { return s.PatchMetadata(ctx, addFinalizer) }, true},
		{s.RemoveFinalizer, false},
	} {
		acstest.MustSucceed(t, step.patch(t.Context()))
		if HasFinalizer(s.Object) != step.held || HasFinalizer(s.Stored()) != step.held || s.Stored().ResourceVersion != s.Object.ResourceVersion {
			t.Errorf("in memory %+v, stored %+v", s.Object.ObjectMeta, s.Stored().ObjectMeta)
		}
		if s.Object.Status.Joined != "0/1" || s.Stored().Status.Joined != "" {
			t.Error("a status that is not written yet counts as stored")
		}
	}
}

// A change of the status is written once, and moves the stored state on.
func TestSnapshotOfStatus(t *testing.T) {
	t.Parallel()
	cache := newLateCache(t, room())
	store := NewStore(cache, cache.api)
	thread, _ := read(t, store)
	s := NewSnapshot(store, thread)
	former := s.Stored()
	Mark(s.Object, outcome.Outcome{Ready: true, Reason: chatv1alpha1.ReasonSucceeded, Message: "As declared."})
	s.Object.Status.Joined = "0/1"
	for range 2 {
		acstest.MustSucceed(t, s.PatchStatus(t.Context()))
		cache.sync(t)
		if diff := cmp.Diff(cache.shown.Status, s.Stored().Status, cmpopts.EquateApproxTime(time.Second)); diff != "" || cache.writes != 1 {
			t.Errorf("%d writes, status (-API server +stored):\n%s", cache.writes, diff)
		}
	}
	s.Object.Status.Joined = "1/1"
	if s.Stored().Status.Joined != "0/1" || former.Status.Joined != "" {
		t.Error("memory and stored states share their status")
	}
}
