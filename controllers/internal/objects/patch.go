// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// patchStatus is Store.PatchStatus without a memory of the write.
func patchStatus(ctx context.Context, c client.Client, before, after client.Object) error {
	// Nearly all reconciles change nothing, and a comparison as JSON costs a third of each.
	if isStatusSame(before, after) {
		return nil
	}
	former, err := StatusFields(before)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	whole, err := StatusFields(after)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	differ := differingFields(former, whole)
	if len(differ) == 0 {
		return nil
	}
	// Conditions are written together with their generation, and in a ChatParticipant with their
	// thread: before may be older than the stored object.
	if differ["conditions"] {
		differ["observedGeneration"] = true
		if _, ok := after.(*chatv1alpha1.ChatParticipant); ok {
			differ["threadID"] = true
		}
	}
	operations := []jsonOperation{{Op: "test", Path: "/metadata/uid", Value: after.GetUID()}}
	for _, field := range slices.Sorted(maps.Keys(differ)) {
		// The API server takes null for no value. Unlike a removal it works if there is none.
		operations = append(operations, jsonOperation{Op: "add", Path: "/status/" + field, Value: whole[field]})
	}
	body, err := json.Marshal(operations)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	// The answer would overwrite values in memory that are not written yet.
	target := CopyOf(after)
	if err := c.Status().Patch(ctx, target, client.RawPatch(types.JSONPatchType, body)); err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	after.SetResourceVersion(target.GetResourceVersion())
	return nil
}

// jsonOperation is an operation of a JSON patch (RFC 6902).
type jsonOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// differingFields returns the fields in which two statuses differ.
func differingFields(a, b map[string]any) map[string]bool {
	differ := map[string]bool{}
	for field, value := range a {
		if !reflect.DeepEqual(value, b[field]) {
			differ[field] = true
		}
	}
	for field := range b {
		if _, ok := a[field]; !ok {
			differ[field] = true
		}
	}
	return differ
}

// isStatusSame reports whether two objects certainly have the same status. Values that differ in
// memory only, such as an empty list from none, may make it false.
func isStatusSame(before, after client.Object) bool {
	return reflect.DeepEqual(statusOf(before), statusOf(after))
}

// StatusFields returns the fields of the status of an object.
func StatusFields(obj client.Object) (map[string]any, error) {
	return runtime.DefaultUnstructuredConverter.ToUnstructured(statusOf(obj))
}

// statusOf returns the status of an object of one of the kinds of the operator.
func statusOf(obj client.Object) any {
	switch o := obj.(type) {
	case *chatv1alpha1.ChatThread:
		return &o.Status
	case *chatv1alpha1.ChatParticipant:
		return &o.Status
	case *chatv1alpha1.ChatConnection:
		return &o.Status
	default:
		return nil
	}
}

// patchMetadata is Store.PatchMetadata without a memory of the write.
func patchMetadata(ctx context.Context, c client.Client, obj client.Object, change func(client.Object)) error {
	after := CopyOf(obj)
	change(after)
	if reflect.DeepEqual(obj.GetAnnotations(), after.GetAnnotations()) && reflect.DeepEqual(obj.GetFinalizers(), after.GetFinalizers()) {
		return nil
	}
	patch := client.MergeFromWithOptions(CopyOf(obj), client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, after, patch); err != nil {
		return err
	}
	obj.SetResourceVersion(after.GetResourceVersion())
	obj.SetAnnotations(after.GetAnnotations())
	obj.SetFinalizers(after.GetFinalizers())
	return nil
}
