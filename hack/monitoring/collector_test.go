// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is a collector of OpenTelemetry that keeps all spans.
type collector struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(tb testing.TB) *collector {
	tb.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		batch := &tracepb.TracesData{}
		body, err := io.ReadAll(req.Body)
		if err != nil || proto.Unmarshal(body, batch) != nil || req.URL.Path != "/v1/traces" {
			tb.Errorf("a request to %s that is no export: %v", req.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.add(batch)
	}))
	tb.Cleanup(c.Close)
	return c
}

func (c *collector) add(batch *tracepb.TracesData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range batch.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

func (c *collector) all() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// hasBelow returns an error unless a span has another one of a name below it.
func hasBelow(spans []*tracepb.Span, parent, child string) error {
	named := map[string]bool{}
	for _, span := range spans {
		if span.GetName() == parent {
			named[string(span.GetSpanId())] = true
		}
	}
	for _, span := range spans {
		if span.GetName() == child && named[string(span.GetParentSpanId())] {
			return nil
		}
	}
	return fmt.Errorf("of %d spans, none of name %q is below one of name %q", len(spans), child, parent)
}

// testTraces asks the collector for what the operator sent there by itself, as the environment of
// its process says. No span names a user or a thread.
func (w *world) testTraces(t *testing.T) {
	for parent, child := range map[string]string{
		"Reconcile ChatThread":         "ChatClient.CreateThread",
		"Reconcile ChatConnection":     "IdentityClient.CreateUser",
		"ChatClient.CreateThread":      "HTTP POST",
		"Reconcile ChatParticipant":    "Kubernetes PATCH",
		"ThreadClient.GetProperties":   "HTTP GET",
		"ThreadClient.AddParticipants": "HTTP POST",
	} {
		w.Eventually("traces", func(context.Context) error { return hasBelow(w.collector.all(), parent, child) })
	}
	for _, span := range w.collector.all() {
		if text := span.String(); strings.Contains(text, "8:acs:") || strings.Contains(text, "@thread.v2") {
			t.Errorf("a span has an id: %s", text)
		}
	}
}
