// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// history has the events of the objects of a kind, as a watch shows them.
type history struct {
	mu     sync.Mutex
	events []watch.Event
}

// record watches the objects of a kind in the tenant's namespace from now to the end of the test.
func (n *tenant) record(t *testing.T, kind string) *history {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(chatAPI)
	list.SetKind(kind + "List")
	watcher, err := n.client.Watch(t.Context(), list, client.InNamespace(n.name))
	must(t, err)
	t.Cleanup(watcher.Stop)
	h := &history{}
	go func() {
		for event := range watcher.ResultChan() {
			h.mu.Lock()
			h.events = append(h.events, event)
			h.mu.Unlock()
		}
	}()
	return h
}

// deletion waits for the deletion of an object and returns its place in the order of all writes.
func (h *history) deletion(t *testing.T, name string) (resourceVersion int) {
	t.Helper()
	eventually(t, func(context.Context) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, event := range h.events {
			if object, ok := event.Object.(*unstructured.Unstructured); ok && event.Type == watch.Deleted && object.GetName() == name {
				var err error
				resourceVersion, err = strconv.Atoi(object.GetResourceVersion())
				return err
			}
		}
		return errNotYet
	})
	return resourceVersion
}

// reasons returns the reasons of the Ready condition of an object, one after the other.
func (h *history) reasons(name string) (reasons []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range h.events {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok || object.GetName() != name {
			continue
		}
		if reason := readyReason(object); len(reasons) == 0 || reasons[len(reasons)-1] != reason {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

func readyReason(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		if condition, ok := one.(map[string]any); ok && condition["type"] == "Ready" {
			reason, _ := condition["reason"].(string)
			return reason
		}
	}
	return ""
}
