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
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// maxEventNote is what the API server takes as the note of an event.
const MaxEventNote = 1000

// conditioned is an object of one of our kinds.
type Conditioned interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
}

// mark sets the conditions as an outcome says, after kstatus: Ready always, and of Reconciling and
// Stalled the one that is true.
func Mark(obj Conditioned, o outcome.Outcome) {
	if o.Quiet {
		return
	}
	conditions := slices.Clone(obj.GetConditions())
	// The same in other words is no news.
	if told := apimeta.FindStatusCondition(conditions, chatv1alpha1.ConditionReady); told != nil && o.StablePrefix != "" &&
		told.Reason == o.Reason && told.ObservedGeneration == obj.GetGeneration() && strings.HasPrefix(told.Message, o.StablePrefix) {
		o.Message = told.Message
	}
	set := func(conditionType string, status metav1.ConditionStatus) {
		apimeta.SetStatusCondition(&conditions, metav1.Condition{Type: conditionType, Status: status,
			Reason: o.Reason, Message: o.Message, ObservedGeneration: obj.GetGeneration()})
	}
	if o.Ready {
		set(chatv1alpha1.ConditionReady, metav1.ConditionTrue)
	} else {
		set(chatv1alpha1.ConditionReady, metav1.ConditionFalse)
	}
	for conditionType, holds := range map[string]bool{
		chatv1alpha1.ConditionReconciling: !o.Ready && !o.Stalled,
		chatv1alpha1.ConditionStalled:     o.Stalled,
	} {
		if holds {
			set(conditionType, metav1.ConditionTrue)
		} else {
			apimeta.RemoveStatusCondition(&conditions, conditionType)
		}
	}
	obj.SetConditions(conditions)
}

// generationTold is the generation that a status tells of after an outcome. One that was restored from a backup
// may name a later one than the object has.
func GenerationTold(obj client.Object, former int64, o outcome.Outcome) int64 {
	switch {
	case o.Ready || o.Stalled:
		return obj.GetGeneration()
	case !o.Quiet && former > obj.GetGeneration():
		return -1
	}
	return former
}

// readyReason is the status and reason of the Ready condition.
func ReadyReason(obj Conditioned) (metav1.ConditionStatus, string) {
	ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
	if ready == nil {
		return "", ""
	}
	return ready.Status, ready.Reason
}

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

func CopyOf(obj client.Object) client.Object {
	return obj.DeepCopyObject().(client.Object) //nolint:errcheck // a copy has the type of what it copies
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

func SetAnnotation(obj client.Object, key, value string) {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	obj.SetAnnotations(annotations)
}

// occurrence is something that users should see in kubectl describe.
type Event struct {
	Warning bool
	Reason  string
	Note    string
}

// emit writes the events of a pass. Where the Ready condition changed and none of them tells so, one
// more carries its reason.
func Emit(ctx context.Context, recorder events.EventRecorder, before, after Conditioned, told []Event, o outcome.Outcome) {
	beforeStatus, beforeReason := ReadyReason(before)
	status, reason := ReadyReason(after)
	changed := !o.Quiet && (status != beforeStatus || reason != beforeReason)
	if changed && (!o.Ready || len(told) == 0) {
		told = append(told, Event{Warning: o.Stalled || o.Err != nil, Reason: reason, Note: o.Message})
	}
	Record(ctx, recorder, after, told)
}

// tellAll writes events, and the same to the log.
func Record(ctx context.Context, recorder events.EventRecorder, obj client.Object, told []Event) {
	for _, e := range told {
		kind := corev1.EventTypeNormal
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		log.FromContext(ctx).Info("Told of a change", "type", kind, "reason", e.Reason, "note", outcome.Sanitize(e.Note, MaxEventNote))
		recorder.Eventf(obj, nil, kind, e.Reason, "Reconcile", "%s", outcome.Sanitize(e.Note, MaxEventNote))
	}
}

// reconcileRequested returns the value that asks for a pass at once, as it is answered.
func ReconcileRequested(obj client.Object) string {
	value := obj.GetAnnotations()[chatv1alpha1.AnnotationReconcileRequestedAt]
	if len(value) > chatv1alpha1.MaxReconcileRequest {
		return outcome.Sanitize(value, chatv1alpha1.MaxReconcileRequest)
	}
	return value
}

// isRequested says whether a pass is asked for that was not answered yet.
func IsRequested(obj client.Object, handled string) bool {
	requested := ReconcileRequested(obj)
	return requested != "" && requested != handled
}

func HasFinalizer(obj client.Object) bool {
	return controllerutil.ContainsFinalizer(obj, chatv1alpha1.Finalizer)
}

func IsAbandoned(obj client.Object) bool {
	return obj.GetAnnotations()[chatv1alpha1.AnnotationAbandon] == "true"
}

func KeyOf(obj client.Object) types.NamespacedName { return client.ObjectKeyFromObject(obj) }

// maxThreadID is how long an id status takes, in bytes. Those of ACS have 64 or so.
const MaxThreadID = 1024
