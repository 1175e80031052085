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

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// patchStatus writes what differs between the statuses of before and after, and nothing where they
// are equal. The patch tests the uid, so that a namesake that was created meanwhile is left alone, and
// no resource version, so that an edit of the spec cannot lose what was allocated.
func PatchStatus(ctx context.Context, c client.Client, before, after client.Object) error {
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
	// Conditions go together with the generation, and in a ChatParticipant with the thread, that they speak of: before
	// may be older than what is stored.
	if _, judged := diff.Status["conditions"]; judged {
		diff.Status["observedGeneration"] = nil
		if _, ok := after.(*chatv1alpha1.ChatParticipant); ok {
			diff.Status["threadID"] = nil
		}
	}
	whole, err := StatusFields(after)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	operations := []JsonOperation{{Op: "test", Path: "/metadata/uid", Value: after.GetUID()}}
	for _, field := range slices.Sorted(maps.Keys(diff.Status)) {
		// To the API server null is no value: unlike a removal it needs nothing to be there.
		operations = append(operations, JsonOperation{Op: "add", Path: "/status/" + field, Value: whole[field]})
	}
	body, err := json.Marshal(operations)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	// The answer would overwrite what is still to be told of the object.
	target := CopyOf(after)
	if err := c.Status().Patch(ctx, target, client.RawPatch(types.JSONPatchType, body)); err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	after.SetResourceVersion(target.GetResourceVersion())
	return nil
}

// jsonOperation is an operation of a JSON patch (RFC 6902).
type JsonOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// statusFields are the fields of the status of an object.
func StatusFields(obj client.Object) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, err
	}
	fields, _, err := unstructured.NestedMap(content, "status")
	return fields, err
}

// patchMetadata writes what change does to finalizers and annotations, if the object is still the
// version that was read, and takes over what the API server stored.
func PatchMetadata(ctx context.Context, c client.Client, obj client.Object, change func(client.Object)) error {
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

// removeFinalizer lets an object go. An object that is gone already is fine.
func RemoveFinalizer(ctx context.Context, c client.Client, obj client.Object) error {
	err := PatchMetadata(ctx, c, obj, func(o client.Object) { controllerutil.RemoveFinalizer(o, chatv1alpha1.Finalizer) })
	if apierrors.IsNotFound(err) {
		obj.SetFinalizers(nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	return nil
}
