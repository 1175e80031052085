// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/correlation"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// maxEventNote is the longest note of an event that the API server takes, in bytes.
const maxEventNote = 1000

// Event is an event that users see in kubectl describe.
type Event struct {
	Warning bool
	// Stalled says that a person must act.
	Stalled bool
	Reason  string
	Note    string
}

// Emit writes the events of a reconcile. If the Ready condition changed and no event says so, one
// more carries its reason.
func Emit(ctx context.Context, recorder events.EventRecorder, before, after Conditioned, recorded []Event, o outcome.Outcome) {
	beforeStatus, beforeReason := ReadyReason(before)
	status, reason := ReadyReason(after)
	changed := !o.Quiet && (status != beforeStatus || reason != beforeReason)
	if changed && (!o.Ready || len(recorded) == 0) {
		recorded = append(recorded, Event{Warning: o.Stalled || o.Err != nil, Stalled: o.Stalled, Reason: reason, Note: o.Message})
	}
	traceOutcome(ctx, o)
	Record(ctx, recorder, after, recorded)
}

// Record writes events, and the same to the log: one constant message for each kind of change.
func Record(ctx context.Context, recorder events.EventRecorder, obj client.Object, recorded []Event) {
	if len(recorded) == 0 {
		return
	}
	logger := log.FromContext(ctx)
	if id := correlation.Last(ctx); id != "" {
		logger = logger.WithValues("msCV", id)
	}
	for _, e := range recorded {
		kind := corev1.EventTypeNormal
		if e.Warning {
			kind = corev1.EventTypeWarning
		}
		note := outcome.Sanitize(e.Note, maxEventNote)
		trace.SpanFromContext(ctx).AddEvent(logMessage(obj, e))
		logger.Info(logMessage(obj, e), "type", kind, "reason", e.Reason, "note", note)
		recorder.Eventf(obj, nil, kind, e.Reason, "Reconcile", "%s", note)
	}
}

// traceOutcome shows the outcome in the span of the reconcile, but for the message, which may name
// users.
func traceOutcome(ctx context.Context, o outcome.Outcome) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	state := "reconciling"
	switch {
	case o.Ready:
		state = "ready"
	case o.Stalled:
		state = "stalled"
	}
	span.SetAttributes(attribute.String("acs_chat.outcome", state), attribute.String("acs_chat.reason", o.Reason))
}

// changes are the log messages of changes at ACS, by reason of the event.
var changes = map[string]string{
	chatv1alpha1.EventCreated:        "Created thread",
	chatv1alpha1.EventFound:          "Found thread",
	chatv1alpha1.EventAdopted:        "Adopted thread",
	chatv1alpha1.EventUpdated:        "Updated thread",
	chatv1alpha1.EventMembersAdded:   "Added members",
	chatv1alpha1.EventMembersRemoved: "Removed members",
	chatv1alpha1.EventDeleted:        "Deleted thread",
	chatv1alpha1.EventReleased:       "Released thread",
}

// logMessage is the log message of an event. An event that is no change at ACS shows how an object
// is marked now.
func logMessage(obj client.Object, e Event) string {
	noun := "thread"
	switch obj.(type) {
	case *chatv1alpha1.ChatConnection:
		noun = "connection"
		if e.Reason == chatv1alpha1.EventCreated {
			return "Created service users"
		}
	case *chatv1alpha1.ChatParticipant:
		noun = "participant"
	}
	if change, ok := changes[e.Reason]; ok {
		return change
	}
	switch {
	case e.Reason == chatv1alpha1.ReasonSucceeded:
		return "Marked " + noun + " ready"
	case e.Stalled:
		return "Marked " + noun + " stalled"
	default:
		return "Marked " + noun + " reconciling"
	}
}
