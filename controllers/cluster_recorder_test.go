// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// recorder watches a namespace and checks each state of the objects of our kinds.
type recorder struct {
	mu       sync.Mutex
	versions map[types.UID]int
	// latest is the last version that the watch showed of each object.
	latest map[types.UID]string
	// judged holds the checked conditions. An edit of the spec makes them older than the generation
	// for a while.
	judged map[types.UID][]metav1.Condition
}

// record starts a recorder, which fails the test if a status breaks the rules of kstatus, or if
// Argo CD shows another health.
func record(t *testing.T, namespace string) *recorder {
	t.Helper()
	r := &recorder{versions: map[types.UID]int{}, latest: map[types.UID]string{}, judged: map[types.UID][]metav1.Condition{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, list := range []client.ObjectList{&chatv1alpha1.ChatConnectionList{}, &chatv1alpha1.ChatThreadList{}, &chatv1alpha1.ChatParticipantList{}} {
		watcher, err := admin.Watch(ctx, list, client.InNamespace(namespace))
		if err != nil {
			t.Fatalf("watch: %v", err)
		}
		running.Go(func() {
			for e := range watcher.ResultChan() {
				if obj, ok := e.Object.(objects.Conditioned); ok && e.Type != watch.Deleted {
					r.note(t, obj)
				}
			}
		})
		t.Cleanup(watcher.Stop)
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return r
}

func (r *recorder) note(t *testing.T, obj objects.Conditioned) {
	t.Helper()
	if broken := operatortest.BrokenHealth(t.Context(), obj); broken != "" {
		t.Errorf("%T %s: %s\n%s", obj, obj.GetName(), broken, describe(obj))
	}
	r.mu.Lock()
	r.versions[obj.GetUID()]++
	r.latest[obj.GetUID()] = obj.GetResourceVersion()
	same := equality.Semantic.DeepEqual(r.judged[obj.GetUID()], obj.GetConditions())
	r.judged[obj.GetUID()] = obj.GetConditions()
	r.mu.Unlock()
	if same {
		return
	}
	if broken := operatortest.BrokenInvariant(t.Context(), obj); broken != "" {
		t.Errorf("%T %s: %s\n%s", obj, obj.GetName(), broken, describe(obj))
	}
}

// writes returns the number of writes to an object since its creation.
func (r *recorder) writes(obj client.Object) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.versions[obj.GetUID()] - 1
}

func (r *recorder) latestVersion(obj client.Object) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest[obj.GetUID()]
}

// writesSoFar returns the same number, once the watch has shown the current version.
func (w *world) writesSoFar(obj client.Object) int {
	w.t.Helper()
	w.get(obj)
	w.Eventually(func() string { return w.recorder.latestVersion(obj) }).Should(Equal(obj.GetResourceVersion()))
	return w.recorder.writes(obj)
}
