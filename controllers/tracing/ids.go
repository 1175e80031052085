// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// withoutIDs makes spans without the ids of threads and users. azcore puts them into spans: by the
// URL of a request, and by the text of an error, which has the answer of ACS. The name of the
// operation and the status tell enough, and collectors are often run by others.
type withoutIDs struct{ trace.TracerProvider }

// Tracer returns a tracer whose spans have no ids.
func (p withoutIDs) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return tracerWithoutIDs{p.TracerProvider.Tracer(name, options...)}
}

type tracerWithoutIDs struct{ trace.Tracer }

// Start starts a span without ids.
func (t tracerWithoutIDs) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	config := trace.NewSpanStartConfig(options...)
	kept := []trace.SpanStartOption{trace.WithSpanKind(config.SpanKind()), trace.WithAttributes(withoutURL(config.Attributes())...)}
	ctx, span := t.Tracer.Start(ctx, name, kept...)
	hidden := spanWithoutIDs{span}
	return trace.ContextWithSpan(ctx, hidden), hidden
}

type spanWithoutIDs struct{ trace.Span }

// SetAttributes sets attributes, but no URL.
func (s spanWithoutIDs) SetAttributes(attributes ...attribute.KeyValue) {
	s.Span.SetAttributes(withoutURL(attributes)...)
}

// SetStatus sets the status. Of the description it keeps the type of an error. The rest may come
// from a server, even the reason beside the status of an answer, and may repeat what was sent.
func (s spanWithoutIDs) SetStatus(code codes.Code, description string) {
	first, _, _ := strings.Cut(description, "\n")
	if first = strings.TrimSuffix(first, ":"); !typeName.MatchString(first) {
		first = ""
	}
	s.Span.SetStatus(code, first)
}

// typeName is the name of the type of an error, as azcore writes it.
var typeName = regexp.MustCompile(`^\*[a-z]+\.[A-Za-z]+$`)

// withoutURL drops the attributes with a URL, and the one that a server fills freely.
func withoutURL(attributes []attribute.KeyValue) []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(attributes), func(a attribute.KeyValue) bool {
		return a.Key == "http.url" || a.Key == "url.full" || a.Key == "az.service_request_id"
	})
}
