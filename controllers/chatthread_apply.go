// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// apply carries the plan out. Apart from deletions, only apply writes to ACS.
func (r *ChatThreadReconciler) apply(ctx context.Context, s situation) (situation, error) {
	s.tracePlan(ctx)
	if s.thread.Observes() {
		return r.observeOnly(ctx, s)
	}
	// A create may have been sent before this reconcile.
	isHeld := objects.HasFinalizer(s.thread)
	var err error
	if s.have == nil {
		s, err = r.createNew(ctx, s, isHeld)
	} else {
		_, err = r.ensureFinalizer(ctx, s, s.user.ID)
	}
	if err != nil {
		return s, err
	}
	s, refused, err := r.ensureProperties(ctx, s, isHeld)
	if err != nil {
		return s, err
	}
	if s, err = r.ensureMembers(ctx, s, refused == nil); err != nil {
		return s, err
	}
	// A refused topic, metadata or retention does not hold up members.
	if refused != nil {
		return s, refused
	}
	return s, s.results.Verdict()
}

// observeOnly reports the plan without carrying it out.
func (r *ChatThreadReconciler) observeOnly(ctx context.Context, s situation) (situation, error) {
	todo := s.plan()
	if todo.Create != nil {
		return s, &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: "would " + todo.String()}
	}
	// With a finalizer, for example from a backup, the thread would count as one that carried our
	// stamp before.
	if s.isFound() && s.have.Properties.Metadata[chatv1alpha1.StampUID] != string(s.thread.UID) {
		if err := r.Store.RemoveFinalizer(ctx, s.thread); err != nil {
			return s, err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	s.allocate()
	if !objects.HasFinalizer(s.thread) {
		// No service user acts for it yet. Once it is managed, a crash before it carries our stamp must
		// not make it look like a thread that another ChatThread took over.
		s.thread.Status.ServiceUser = ""
	}
	// The thread may be released at any time, and the next ChatThread of this name must find it.
	s.session.Directory.Put(directory.StampOf(s.have.Properties))
	s.results = plan.NewResults(s.declared())
	s.results.Record(todo.Members)
	s.results.Count(&s.thread.Status)
	if drift := todo.String(); drift != "" {
		return s, &outcome.Stalled{Reason: chatv1alpha1.ReasonDrifted, Message: "would " + drift}
	}
	return s, nil
}

// tracePlan shows in the span which changes the thread needs.
func (s situation) tracePlan(ctx context.Context) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attributePlan.String(s.plan().String()), attributeDrift.Bool(s.caller.Background))
	}
}
