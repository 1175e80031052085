// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package tracing sends traces of the operator to an OpenTelemetry collector.
//
// It is off unless an environment variable of OpenTelemetry names a collector. Then nothing is
// wrapped, and a reconcile allocates nothing for it. A trace has a span for a reconcile, and below
// it one for each call to ACS and each request to the API server. It names Kubernetes objects, and
// no user and no thread of ACS: those are in the log, which has the id of the trace.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	azure "github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/Azure/azure-sdk-for-go/sdk/tracing/azotel"
	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope names the operator as the source of spans.
const scope = "github.com/acs-operator/acs-chat-operator"

// problemInterval is how often trouble with the collector is logged.
const problemInterval = time.Minute

// Tracing makes spans. A nil Tracing makes none.
type Tracing struct {
	provider trace.TracerProvider
	shutdown func(context.Context) error
}

// Service is the process that makes the traces.
type Service struct{ Name, Version string }

// Start reads the environment variables of OpenTelemetry by a function, such as os.Getenv. It
// returns nil if they name no collector. An error names the variable and the remedy.
func Start(ctx context.Context, service Service, getenv func(string) string, logger logr.Logger) (*Tracing, error) {
	settings, err := readSettings(getenv)
	if settings == nil || err != nil {
		return nil, err
	}
	client, err := newCollector(settings)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("start to export traces: %w", err)
	}
	// Those of the environment win.
	of, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", service.Name), attribute.String("service.version", service.Version)),
		resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetLogger(logger)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(newProblemLog(logger)))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(of))
	logger.Info("Sending traces", "endpoint", settings.shownEndpoint())
	return &Tracing{provider: provider, shutdown: provider.Shutdown}, nil
}

// New returns a Tracing that makes its spans with a provider, for tests.
func New(provider trace.TracerProvider) *Tracing { return &Tracing{provider: provider} }

// newProblemLog returns a function that logs errors of the export, and not each of many.
func newProblemLog(logger logr.Logger) func(error) {
	var last atomic.Int64
	return func(err error) {
		now := time.Now().UnixNano()
		if before := last.Load(); now-before >= int64(problemInterval) && last.CompareAndSwap(before, now) {
			logger.Error(err, "Could not send traces")
		}
	}
}

// Shutdown sends the spans that were not sent yet.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t == nil || t.shutdown == nil {
		return nil
	}
	if err := t.shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// Tracer returns the source of the spans of reconciles. t must not be nil.
func (t *Tracing) Tracer() trace.Tracer { return t.provider.Tracer(scope) }

// ForACS returns the provider for the clients of ACS. Its spans have the operation and the result
// of a call, and nothing that names a thread or a user.
func (t *Tracing) ForACS() azure.Provider {
	if t == nil {
		return azure.Provider{}
	}
	return azotel.NewTracingProvider(withoutIDs{TracerProvider: t.provider}, nil)
}

// ForAPIServer returns a transport that makes a span of each request that belongs to a reconcile,
// and passes its context on to the API server. Watches and renewals of a lease belong to none.
func (t *Tracing) ForAPIServer(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithFilter(func(req *http.Request) bool { return trace.SpanContextFromContext(req.Context()).IsValid() }),
		otelhttp.WithSpanNameFormatter(func(_ string, req *http.Request) string { return "Kubernetes " + req.Method }))
}
