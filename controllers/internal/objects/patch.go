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

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	data, err := client.MergeFrom(before).Data(after)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	var diff struct {
		Status map[string]json.RawMessage `json:"status"`
	}
	if err := json.Unmarshal(data, &diff); err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	if len(diff.Status) == 0 {
		return nil
	}
	// Conditions are written together with their generation, and in a ChatParticipant with their
	// thread: before may be older than the stored object.
	if _, differ := diff.Status["conditions"]; differ {
		diff.Status["observedGeneration"] = nil
		if _, ok := after.(*chatv1alpha1.ChatParticipant); ok {
			diff.Status["threadID"] = nil
		}
	}
	whole, err := StatusFields(after)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	operations := []jsonOperation{{Op: "test", Path: "/metadata/uid", Value: after.GetUID()}}
	for _, field := range slices.Sorted(maps.Keys(diff.Status)) {
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

// isStatusSame reports whether two objects certainly have the same status. Values that differ in
// memory only, such as an empty list from none, may make it false.
func isStatusSame(before, after client.Object) bool {
	switch a := after.(type) {
	case *chatv1alpha1.ChatThread:
		b, ok := before.(*chatv1alpha1.ChatThread)
		return ok && reflect.DeepEqual(a.Status, b.Status)
	case *chatv1alpha1.ChatParticipant:
		b, ok := before.(*chatv1alpha1.ChatParticipant)
		return ok && reflect.DeepEqual(a.Status, b.Status)
	case *chatv1alpha1.ChatConnection:
		b, ok := before.(*chatv1alpha1.ChatConnection)
		return ok && reflect.DeepEqual(a.Status, b.Status)
	default:
		return false
	}
}

// jsonOperation is an operation of a JSON patch (RFC 6902).
type jsonOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// StatusFields returns the fields of the status of an object.
func StatusFields(obj client.Object) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, err
	}
	fields, _, err := unstructured.NestedMap(content, "status")
	return fields, err
}

// patchMetadata is Store.PatchMetadata without a memory of the write.
func patchMetadata(ctx context.Context, c client.Client, obj client.Object, change func(client.Object)) error {
	before := CopyOf(obj)
	after := CopyOf(obj)
	change(after)
	if reflect.DeepEqual(before.GetAnnotations(), after.GetAnnotations()) && reflect.DeepEqual(before.GetFinalizers(), after.GetFinalizers()) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, after, patch); err != nil {
		return err
	}
	obj.SetResourceVersion(after.GetResourceVersion())
	obj.SetAnnotations(after.GetAnnotations())
	obj.SetFinalizers(after.GetFinalizers())
	return nil
}
