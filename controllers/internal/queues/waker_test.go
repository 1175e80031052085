// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A controller that was woken reconciles the object. Before its start and after its end a wake does
// nothing.
func TestWaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &Waker{}
		early, key, late := types.NamespacedName{Name: "early"}, types.NamespacedName{Name: "key"}, types.NamespacedName{Name: "late"}
		w.Wake(early)
		var queue workqueue.TypedRateLimitingInterface[reconcile.Request] = priorityqueue.New[reconcile.Request]("waker")
		if err := w.Source().Start(t.Context(), queue); err != nil {
			t.Fatal(err)
		}
		w.Wake(key)
		w.Wake(key)
		synctest.Wait()
		if queue.Len() != 1 {
			t.Fatalf("%d objects wait, want 1", queue.Len())
		}
		if got, _ := queue.Get(); got.NamespacedName != key {
			t.Errorf("woken is %v, want %v", got, key)
		}
		queue.Done(reconcile.Request{NamespacedName: key})
		queue.ShutDown()
		w.Wake(late)
		synctest.Wait()
		if queue.Len() != 0 {
			t.Errorf("%d objects wait after the end", queue.Len())
		}
	})
}

// An object that was woken comes before all that wait for their first reconcile, also if it waits
// for a later one.
func TestWokenObjectsComeFirst(t *testing.T) {
	t.Parallel()
	queue := priorityqueue.New[reconcile.Request]("test")
	defer queue.ShutDown()
	for n := range 100 {
		queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: fmt.Sprint(n)}})
	}
	var waker Waker
	if err := waker.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	woken := types.NamespacedName{Namespace: "a", Name: "woken"}
	queue.AddAfter(reconcile.Request{NamespacedName: woken}, time.Minute)
	waker.Wake(woken)
	for queue.Len() < 101 {
		runtime.Gosched()
	}
	if got, _ := queue.Get(); got.NamespacedName != woken {
		t.Errorf("%s comes before the woken object", got)
	}
}

// Of objects that are woken for the first time, those that are Ready come last, and all come after
// those that another controller woke.
func TestFirstTimeReadyObjectsComeLast(t *testing.T) {
	t.Parallel()
	queue := priorityqueue.New[reconcile.Request]("test")
	defer queue.ShutDown()
	var waker Waker
	if err := waker.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ready", "new"} {
		thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if name == "ready" {
			objects.Mark(thread, outcome.Outcome{Ready: true, Reason: chatv1alpha1.ReasonSucceeded})
		}
		waker.WakeFirstTime(thread)
	}
	waker.Wake(types.NamespacedName{Name: "woken"})
	for queue.Len() < 3 {
		runtime.Gosched()
	}
	for _, want := range []string{"woken", "new", "ready"} {
		if got, _ := queue.Get(); got.Name != want {
			t.Errorf("%s comes in the place of %s", got.Name, want)
		}
	}
}
