// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// MaxEventNote is the longest note of an event that the API server takes, in bytes.
const MaxEventNote = 1000

// Event is an event that users see in kubectl describe.
type Event struct {
	Warning bool
	Reason  string
	Note    string
}

// Emit writes the events of a reconcile. If the Ready condition changed and no event says so, one
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

// Record writes events, and the same to the log.
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
