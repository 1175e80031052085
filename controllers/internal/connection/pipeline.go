// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/correlation"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// ClientOptions returns the options of a client of ACS that a connection without a Registry uses.
func ClientOptions(transport *http.Client, timeout time.Duration, found *Connection, first ...policy.Policy) *acs.ClientOptions {
	return clientOptions(transport, timeout, found.ownEndpoint(), first...)
}

// clientOptions are the options of every client of an endpoint. A call is tried twice at most:
// longer waits belong to the work queue, which holds no worker while it waits. The policies apply
// to a try in this order: the gate of the endpoint, those of first, and those that see only tries
// that are sent.
func clientOptions(transport *http.Client, timeout time.Duration, at *endpoint, first ...policy.Policy) *acs.ClientOptions {
	return &acs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport:        transport,
		Retry:            retryOptions(timeout),
		PerCallPolicies:  []policy.Policy{pacing.CallPolicy{}, refusalLog{}},
		Telemetry:        policy.TelemetryOptions{ApplicationID: "acs-chat-operator"},
		PerRetryPolicies: slices.Concat([]policy.Policy{gate{at}}, first, []policy.Policy{callMetrics{}, pacing.AttemptPolicy{}, spanIDs{}, watch{at}}),
	}}
}

func retryOptions(timeout time.Duration) policy.RetryOptions {
	return policy.RetryOptions{
		MaxRetries:    1,
		TryTimeout:    timeout,
		RetryDelay:    500 * time.Millisecond,
		MaxRetryDelay: time.Second,
		StatusCodes:   pacing.RetriedStatuses,
	}
}

// gate stops tries that must not be sent now: beside the probe of an endpoint that does not answer,
// and beyond the share of a slow one.
type gate struct{ at *endpoint }

func (g gate) Do(req *policy.Request) (*http.Response, error) {
	leave, err := g.enter(req.Raw().Context())
	if err != nil {
		// The try before it failed: that is the answer to the call, and something may have been done.
		if before := pacing.AttemptsOf(req.Raw().Context()); before != nil && before.Count > 0 {
			return before.Last()
		}
		return nil, err
	}
	defer leave()
	return req.Next()
}

// enter lets calls pass that must not wait for a quota: people are out of the thread meanwhile.
// Their reconcile holds its place for one more call.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && !pacing.IsWithoutPacing(ctx) {
		if err := v.checkCall(g.at); err != nil {
			return nil, err
		}
	}
	return g.at.admit()
}

// watch notes of each try that is sent whether the endpoint answers, and how long it takes.
type watch struct{ at *endpoint }

func (w watch) Do(req *policy.Request) (*http.Response, error) {
	done := w.at.begin()
	err := context.Canceled
	defer func() { done(err) }()
	resp, sent := req.Next()
	err = sent
	correlation.Note(req.Raw().Context(), resp)
	return resp, err
}

// spanIDs puts into the span of a call the id by which Microsoft's support finds it.
type spanIDs struct{}

func (spanIDs) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if span := trace.SpanFromContext(req.Raw().Context()); resp != nil && span.IsRecording() {
		span.SetAttributes(attribute.String("acs.ms_cv", correlation.Of(resp.Header)))
	}
	return resp, err
}

// refusalLog logs each call that was refused, with the ids that Microsoft's support asks for.
type refusalLog struct{}

func (refusalLog) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	answer := resp
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok {
		answer = refused.RawResponse
	}
	if answer == nil || answer.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	operation, _ := req.Raw().Context().Value(runtime.CtxAPINameKey{}).(string)
	fields := []any{operationField, operation, "status", answer.StatusCode}
	for _, header := range []struct{ field, name string }{{"msCV", correlation.Header}, {"requestID", "x-ms-request-id"}} {
		if value := outcome.Sanitize(answer.Header.Get(header.name), outcome.MaxCode); value != "" {
			fields = append(fields, header.field, value)
		}
	}
	logger := ctrl.LoggerFrom(req.Raw().Context())
	// A 404 or a 429 is often part of the work.
	if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusTooManyRequests {
		logger = logger.V(1)
	}
	logger.Info("A call to ACS was refused", fields...)
	return resp, err
}
