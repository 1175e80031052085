// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
)

// tracer records the spans that have ended, with their status and attributes.
type tracer struct {
	mu    sync.Mutex
	ended []string
}

func (r *tracer) provider() tracing.Provider {
	return tracing.NewProvider(func(string, string) tracing.Tracer { return tracing.NewTracer(r.start, nil) }, nil)
}

func (r *tracer) start(ctx context.Context, name string, _ *tracing.SpanOptions) (context.Context, tracing.Span) {
	var notes strings.Builder
	return ctx, tracing.NewSpan(tracing.SpanImpl{
		SetStatus: func(status tracing.SpanStatus, text string) { fmt.Fprint(&notes, " status ", int(status), " ", text) },
		SetAttributes: func(attributes ...tracing.Attribute) {
			for _, a := range attributes {
				fmt.Fprint(&notes, " ", a.Key, "=", a.Value)
			}
		},
		End: func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ended = append(r.ended, name+notes.String())
		},
	})
}

// TestSpans checks that every operation is a span with its name, and that no span holds a
// credential.
func TestSpans(t *testing.T) {
	t.Parallel()
	for name, test := range calls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, spans := serve(t, test.reply, reply{status: 404, body: notFound}), &tracer{}
			service.traces = spans.provider()
			if err := test.call(t.Context(), t, service); err != nil {
				t.Fatal(err)
			}
			if err := test.call(t.Context(), t, service); err == nil {
				t.Fatal("no error for a 404")
			}
			var own []string
			for _, span := range spans.ended {
				if strings.HasPrefix(span, name) {
					own = append(own, span)
				}
				checkNoCredential(t, errors.New(span))
			}
			if len(own) != 2 || strings.Contains(own[0], "status") || !strings.Contains(own[1], "status 1") {
				t.Errorf("spans are %q, of all %q", own, spans.ended)
			}
		})
	}
}
