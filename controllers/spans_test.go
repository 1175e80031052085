// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/rest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/tracing"
)

// recordSpans has the operator of a world make spans, and returns them.
func (w *world) recordSpans() (api *rest.Config, spans *tracetest.InMemoryExporter) {
	spans = tracetest.NewInMemoryExporter()
	w.options.Tracing = tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	api = rest.CopyConfig(operatorConfig)
	api.Wrap(w.options.Tracing.ForAPIServer)
	return api, spans
}

// shownAttributes are those that the page on observability shows.
var shownAttributes = []attribute.Key{"acs_chat.plan", "acs_chat.outcome", "acs_chat.reason", "http.status_code", "http.response.status_code", "acs.ms_cv"}

// tree draws the spans of a trace, in the order of their starts.
func tree(spans tracetest.SpanStubs, parent trace.SpanID, indent string) string {
	var text strings.Builder
	for _, span := range spans {
		if span.Parent.SpanID() != parent {
			continue
		}
		text.WriteString(indent + span.Name)
		for _, key := range shownAttributes {
			at := slices.IndexFunc(span.Attributes, func(a attribute.KeyValue) bool { return a.Key == key })
			switch {
			case at < 0:
			case key == "acs.ms_cv":
				text.WriteString(" ms_cv=…")
			default:
				name := string(key[strings.LastIndex(string(key), ".")+1:])
				fmt.Fprintf(&text, " %s=%q", name, span.Attributes[at].Value.String())
			}
		}
		for _, event := range span.Events {
			text.WriteString(" [" + event.Name + "]")
		}
		text.WriteString("\n" + tree(spans, span.SpanContext.SpanID(), indent+"  "))
	}
	return text.String()
}

// logLines are the lines of a log.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) add(_, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logLines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// A trace of a create has a span for the reconcile, and below it one for each request to the API
// server and each call to ACS. The page on observability shows this very trace. The line of the log
// has the ids of the trace and of the reconcile, and that by which Microsoft's support finds the
// call.
func TestTraceOfCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	api, spans := w.recordSpans()
	log := &logLines{}
	w.logger = funcr.New(log.add, funcr.Options{})
	conn := w.connect()
	w.startAs(api, w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	// The first thread of a connection takes a request more.
	w.readyThread("first")
	spans.Reset()
	thread := operatortest.Thread(w.namespace, "support", w.users(2)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)

	var drawn, traceID string
	w.Eventually(func() string {
		drawn = ""
		for _, root := range spans.GetSpans() {
			if root.Name == "Reconcile ChatThread" && len(root.Events) > 0 && root.Events[0].Name == "Created thread" {
				all := slices.DeleteFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool { return s.SpanContext.TraceID() != root.SpanContext.TraceID() })
				slices.SortStableFunc(all, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
				drawn, traceID = tree(all, trace.SpanID{}, ""), root.SpanContext.TraceID().String()
			}
		}
		return drawn
	}).ShouldNot(BeEmpty())
	w.Expect(log.all()).To(ContainElement(And(ContainSubstring(`"msg"="Created thread"`), ContainSubstring(`"reconcileID"=`),
		ContainSubstring(`"trace_id"="`+traceID+`"`), MatchRegexp(`"msCV"="[^"]+"`))))
	page, err := os.ReadFile(filepath.Join("..", "docs", "observability.md"))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(string(page)).To(ContainSubstring("```text\n"+drawn+"```\n"), "docs/observability.md does not show this trace:\n%s", drawn)
}

// Without a collector, a reconcile costs nothing more.
func TestTracesOffCostNothing(t *testing.T) {
	g := NewWithT(t)
	o := newMemoryOperator(t, unlimited)
	g.Expect(o.trace(KindThread, o.threads)).To(BeIdenticalTo(o.threads))
	s := settled()
	g.Expect(testing.AllocsPerRun(100, func() { s.tracePlan(t.Context()) })).To(BeZero())
}
