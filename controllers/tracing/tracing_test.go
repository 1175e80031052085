// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// env returns a function such as os.Getenv.
func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

// Traces are off unless a collector is named. What the operator cannot do is an error that names
// the variable, and never a value that may be secret.
func TestSettings(t *testing.T) {
	t.Parallel()
	const named = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, c := range map[string]struct {
		variables     map[string]string
		endpoint, err string
	}{
		"none":            {nil, "", ""},
		"a base":          {map[string]string{named: "http://collector:4318"}, "http://collector:4318/v1/traces", ""},
		"with a path":     {map[string]string{named: "https://collector/otlp/"}, "https://collector/otlp/v1/traces", ""},
		"for traces":      {map[string]string{named: "http://other", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector/t"}, "http://collector/t", ""},
		"for traces, '/'": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector"}, "http://collector/", ""},
		"disabled":        {map[string]string{named: "http://collector", "OTEL_SDK_DISABLED": "True"}, "", ""},
		"no exporter":     {map[string]string{named: "http://collector", "OTEL_TRACES_EXPORTER": "none"}, "", ""},
		"exporter":        {map[string]string{named: "http://collector", "OTEL_TRACES_EXPORTER": "zipkin"}, "", "OTEL_TRACES_EXPORTER=zipkin: the operator exports traces by otlp only; set otlp or none"},
		"no URL":          {map[string]string{named: "user:secret@collector:4318"}, "", "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL such as http://collector:4318"},
		"gRPC": {map[string]string{named: "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc: the operator sends http/protobuf only; unset it, and name the collector's port for HTTP, by convention 4318"},
		"headers":     {map[string]string{named: "http://collector", "OTEL_EXPORTER_OTLP_HEADERS": "secret"}, "", "OTEL_EXPORTER_OTLP_HEADERS is not a list such as name=value,name=value"},
		"time-out":    {map[string]string{named: "http://collector", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "", "OTEL_EXPORTER_OTLP_TIMEOUT=10s is not a number of milliseconds above 0"},
		"compression": {map[string]string{named: "http://collector", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, "", "OTEL_EXPORTER_OTLP_COMPRESSION=zstd: set gzip or none"},
		"one of two":  {map[string]string{named: "http://collector", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "key.pem"}, "", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: set both, or none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			s, err := readSettings(env(c.variables))
			if c.err != "" {
				g.Expect(err).To(MatchError(c.err))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			if c.endpoint == "" {
				g.Expect(s).To(BeNil())
				return
			}
			g.Expect(s.endpoint.String()).To(Equal(c.endpoint))
		})
	}
}

// received is a request to a collector.
type received struct {
	header http.Header
	spans  *tracepb.TracesData
}

// collect starts a collector that answers with some statuses, and then with 200.
func collect(t *testing.T, statuses ...int) (endpoint string, requests chan received) {
	t.Helper()
	requests = make(chan received, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body io.Reader = req.Body
		if req.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(req.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		content, err := io.ReadAll(body)
		spans := &tracepb.TracesData{}
		if err != nil || proto.Unmarshal(content, spans) != nil {
			t.Errorf("the body cannot be read: %v", err)
		}
		requests <- received{req.Header, spans}
		if len(statuses) > 0 {
			w.WriteHeader(statuses[0])
			statuses = statuses[1:]
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// Spans arrive at the collector, with the name of the service and the headers of the environment.
func TestExport(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	endpoint, requests := collect(t)
	tracing, err := Start(t.Context(), Service{Name: "acs-chat-operator", Version: "v1"}, env(map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc,other=1", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
	}), logr.Discard())
	g.Expect(err).NotTo(HaveOccurred())
	_, span := tracing.Tracer().Start(t.Context(), "Reconcile ChatThread")
	span.End()
	g.Expect(tracing.Shutdown(t.Context())).To(Succeed())
	got := <-requests
	g.Expect(got.header.Get("Authorization")).To(Equal("Basic abc"))
	g.Expect(got.header.Get("Content-Type")).To(Equal("application/x-protobuf"))
	g.Expect(got.spans.GetResourceSpans()).To(HaveLen(1))
	of := got.spans.GetResourceSpans()[0]
	g.Expect(of.GetScopeSpans()[0].GetSpans()[0].GetName()).To(Equal("Reconcile ChatThread"))
	g.Expect(of.GetResource().String()).To(And(ContainSubstring(`"service.name"`), ContainSubstring(`"acs-chat-operator"`), ContainSubstring(`"service.version"`)))
}

// A batch is sent again if the collector asks for that, a few times, and is dropped if it refuses.
func TestExportAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statuses []int
		sent     int
		err      string
	}{
		"overloaded": {[]int{503, 429}, 3, ""},
		"away":       {[]int{503, 502, 504, 503, 503}, 4, "the collector answered 503"},
		"refused":    {[]int{400}, 1, "the collector answered 400"},
		"redirected": {[]int{307}, 1, "the collector answered 307"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			endpoint, requests := collect(t, c.statuses...)
			s, err := readSettings(env(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}))
			g.Expect(err).NotTo(HaveOccurred())
			to, err := newCollector(s)
			g.Expect(err).NotTo(HaveOccurred())
			var waits []time.Duration
			to.pause = func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			}
			err = to.UploadTraces(t.Context(), []*tracepb.ResourceSpans{{}})
			if c.err == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(c.err))
			}
			g.Expect(requests).To(HaveLen(c.sent))
			g.Expect(append([]time.Duration{}, waits...)).To(Equal([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}[:c.sent-1]))
		})
	}
}

// A pause ends with its context.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	NewWithT(t).Expect(pause(ctx, time.Hour)).To(MatchError(context.Canceled))
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) Do(req *http.Request) (*http.Response, error) { return t(req) }

// No span of a call names a thread or a user, whether ACS answers, refuses, or cannot be reached.
func TestSpansHaveNoIDs(t *testing.T) {
	t.Parallel()
	const path = "https://contoso.communication.azure.com/chat/threads/19:secret/participants/8:acs:secret"
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"answers": func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		},
		"refuses": func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusForbidden, Status: "403 secret", Body: http.NoBody, Request: req}, nil
		},
		"away": func(req *http.Request) (*http.Response, error) {
			return nil, errors.New("Get " + req.URL.String() + ": connection refused")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			recorded := tracetest.NewInMemoryExporter()
			tracing := New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(recorded)))
			client, err := azcore.NewClient("test", "v0.0.0", runtime.PipelineOptions{Tracing: runtime.TracingOptions{Namespace: "Test"}},
				&policy.ClientOptions{Transport: transport(answer), Retry: policy.RetryOptions{MaxRetries: -1}, TracingProvider: tracing.ForACS()})
			g.Expect(err).NotTo(HaveOccurred())
			ctx, end := runtime.StartSpan(t.Context(), "ThreadClient.RemoveParticipant", client.Tracer(), nil)
			req, err := runtime.NewRequest(ctx, http.MethodDelete, path)
			g.Expect(err).NotTo(HaveOccurred())
			resp, err := client.Pipeline().Do(req) //nolint:bodyclose // azcore has read and closed it
			if err == nil && resp.StatusCode != http.StatusOK {
				err = runtime.NewResponseError(resp)
			}
			end(err)
			spans := recorded.GetSpans()
			g.Expect(spans).To(HaveLen(2))
			for _, span := range spans {
				text := ""
				for _, attribute := range span.Attributes {
					text += string(attribute.Key) + "=" + attribute.Value.String() + "\n"
				}
				g.Expect(text + span.Status.Description).NotTo(ContainSubstring("secret"))
			}
			g.Expect(spans[0].Parent.SpanID()).To(Equal(spans[1].SpanContext.SpanID()))
		})
	}
}

// A request to the API server has a span if it belongs to a reconcile, and carries its context on.
func TestAPIServer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	header := make(chan http.Header, 2)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { header <- req.Header }))
	t.Cleanup(server.Close)
	recorded := tracetest.NewInMemoryExporter()
	tracing := New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(recorded)))
	client := &http.Client{Transport: tracing.ForAPIServer(http.DefaultTransport)}
	get := func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api", http.NoBody)
		g.Expect(err).NotTo(HaveOccurred())
		resp, err := client.Do(req)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(resp.Body.Close()).To(Succeed())
	}
	get(t.Context())
	g.Expect((<-header).Get("Traceparent")).To(BeEmpty())
	g.Expect(recorded.GetSpans()).To(BeEmpty())
	ctx, span := tracing.Tracer().Start(t.Context(), "Reconcile ChatThread")
	get(ctx)
	span.End()
	g.Expect((<-header).Get("Traceparent")).To(ContainSubstring(span.SpanContext().TraceID().String()))
	g.Expect(recorded.GetSpans()[0].Name).To(Equal("Kubernetes GET"))
}

// Without a collector nothing is wrapped.
func TestOffIsFree(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	tracing, err := Start(t.Context(), Service{}, env(nil), logr.Discard())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(tracing).To(BeNil())
	g.Expect(tracing.ForAPIServer(http.DefaultTransport)).To(BeIdenticalTo(http.DefaultTransport))
	tracer := tracing.ForACS().NewTracer("a", "b")
	g.Expect(tracer.Enabled()).To(BeFalse())
	g.Expect(tracing.Shutdown(t.Context())).To(Succeed())
}
