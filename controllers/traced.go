// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// traced is a reconciler with a span for each reconcile. The lines of its log have the id of the
// trace.
type traced struct {
	reconcile.Reconciler
	kind   Kind
	tracer trace.Tracer
}

// Reconcile reconciles an object in a span.
func (t traced) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	attributes := []attribute.KeyValue{
		attributeController.String(t.kind.controller()), attributeNamespace.String(req.Namespace),
		attributeReconcile.String(string(controller.ReconcileIDFromContext(ctx))),
	}
	// The key of a listing has the id of a user.
	if t.kind != KindListing {
		attributes = append(attributes, attributeObject.String(req.Name))
	}
	ctx, span := t.tracer.Start(ctx, "Reconcile "+string(t.kind), trace.WithAttributes(attributes...))
	defer span.End()
	if id := span.SpanContext(); id.HasTraceID() {
		ctx = ctrl.LoggerInto(ctx, ctrl.LoggerFrom(ctx).WithValues(fieldTrace, id.TraceID().String()))
	}
	result, err = t.Reconciler.Reconcile(ctx, req)
	if result.RequeueAfter > 0 {
		span.SetAttributes(attributeRequeue.Float64(result.RequeueAfter.Seconds()))
	}
	if err != nil {
		// Its text may name users.
		span.SetStatus(codes.Error, "the reconcile is tried again")
	}
	return result, err
}

// trace returns the reconciler for the manager. It is the same one if no traces are made.
func (c *Controllers) trace(kind Kind, r reconcile.Reconciler) reconcile.Reconciler {
	if c.options.Tracing == nil {
		return r
	}
	return traced{Reconciler: r, kind: kind, tracer: c.options.Tracing.Tracer()}
}
