// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/tracing"
)

// fragmentLength is the shortest fragment of a credential that counts as a leak. Fragments of this
// length do not match other text by chance.
const fragmentLength = 16

// canary collects all output of an operator and searches it for credentials. A nil canary collects
// nothing.
type canary struct {
	mu sync.Mutex
	// fragments maps each fragment of each credential, in all encodings, to the name of the
	// credential.
	fragments map[string]string
	known     map[string]bool
	// captured maps each captured text to the place where it was captured.
	captured map[string]string
	// spans are those of the operator.
	spans *tracetest.InMemoryExporter
	// intoContext puts the logger of the operator into a context.
	intoContext func(context.Context) context.Context
}

// publicText contains the parts of a connection string that are not secret.
const publicText = defaultEndpoint + "/ " + otherEndpoint + "/"

// newCanary returns a canary with a logger that is configured as by the flags of the operator, at
// the highest verbosity.
func newCanary() *canary {
	c := &canary{fragments: map[string]string{}, known: map[string]bool{}, captured: map[string]string{}, spans: tracetest.NewInMemoryExporter()}
	options := zap.Options{}
	flags := flag.NewFlagSet("", flag.PanicOnError)
	options.BindFlags(flags)
	if err := flags.Parse([]string{"--zap-log-level=10", "--zap-encoder=json", "--zap-stacktrace-level=panic"}); err != nil {
		panic(err)
	}
	logger := zap.New(zap.UseFlagOptions(&options), zap.WriteTo(c))
	c.intoContext = func(ctx context.Context) context.Context { return log.IntoContext(ctx, logger) }
	return c
}

// addSecret adds a credential to the search.
func (c *canary) addSecret(source, secret string) {
	if c == nil || secret == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[secret] {
		return
	}
	c.known[secret] = true
	for _, form := range formsOf(secret) {
		for at := range len(form) - fragmentLength + 1 {
			if fragment := form[at : at+fragmentLength]; !strings.Contains(publicText, fragment) {
				c.fragments[fragment] = source
			}
		}
	}
}

// formsOf returns the encodings in which a credential may be written.
func formsOf(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret))}
	encodings := []*base64.Encoding{base64.RawStdEncoding}
	if strings.ContainsAny(forms[0], "+/") {
		encodings = append(encodings, base64.RawURLEncoding)
	}
	for _, encoding := range encodings {
		for shift := range 3 {
			// The first characters belong to the text before the secret.
			forms = append(forms, encoding.EncodeToString([]byte(strings.Repeat("-", shift) + secret))[4*min(shift, 1):])
		}
	}
	if key, err := base64.StdEncoding.DecodeString(secret); err == nil {
		forms = append(forms, string(key), hex.EncodeToString(key))
	}
	return forms
}

func (c *canary) capture(where, text string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.captured[text] = where
}

// captureError captures an error as the log shows it, and in the other formats of package fmt.
func (c *canary) captureError(ctx context.Context, err error) {
	if c == nil || err == nil {
		return
	}
	log.FromContext(ctx).Error(err, "Reconciler error")
	c.capture("error", fmt.Sprintf("%v\n%+v\n%#v", err, err, err))
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok && response.RawResponse != nil {
		c.capture("error", fmt.Sprintf("%v\n%+v\n%+v", response, response.RawResponse.Header, response.RawResponse.Request))
	}
}

// Write captures a line of the log without its timestamp.
func (c *canary) Write(line []byte) (int, error) {
	_, text, _ := strings.Cut(string(line), `"msg":`)
	c.capture("log", text)
	return len(line), nil
}

// tracing returns the source of spans for an operator. The canary captures them.
func (c *canary) tracing() *tracing.Tracing {
	if c == nil {
		return nil
	}
	return tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(c.spans)))
}

// captureSpans captures the spans that ended since the last time.
func (c *canary) captureSpans() {
	for _, span := range c.spans.GetSpans() {
		text := span.Name + " " + span.Status.Description
		for _, attribute := range span.Attributes {
			text += fmt.Sprintf(" %s=%s", attribute.Key, attribute.Value.String())
		}
		for _, event := range span.Events {
			text += fmt.Sprintf(" %s %v", event.Name, event.Attributes)
		}
		c.capture("span", text)
	}
	c.spans.Reset()
}

// withLogger returns a context whose logger writes to the canary.
func (c *canary) withLogger(ctx context.Context) context.Context {
	if c == nil {
		return ctx
	}
	return c.intoContext(ctx)
}

// hasCaptured reports whether a text of a place was captured.
func (c *canary) hasCaptured(place string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(c.captured)), place)
}

// leaks returns the places where a credential was captured.
func (c *canary) leaks() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var leaks []string
	for text, where := range c.captured {
		for at := range len(text) - fragmentLength + 1 {
			if source, found := c.fragments[text[at:at+fragmentLength]]; found {
				leaks = append(leaks, fmt.Sprintf("%s: a fragment of the %s: …%s", where, source, text[max(at-200, 0):at+fragmentLength]))
				break
			}
		}
	}
	return leaks
}

// metricsText returns the metrics of a registry as text.
func metricsText(t reporter, registry prometheus.Gatherer) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return recorder.Body.String()
}

// leaks captures the stored objects and the metrics of a registry as well, and returns the places
// where a credential was captured.
func (w *world) leaks(registry prometheus.Gatherer) []string {
	w.t.Helper()
	w.mu.Lock()
	for kind, events := range w.logs {
		for _, e := range events {
			if e.now == nil {
				continue
			}
			text, err := json.Marshal(e.now)
			if err != nil {
				w.t.Error(err)
			}
			w.canary.capture("stored "+string(kind), string(text))
		}
	}
	w.mu.Unlock()
	w.canary.capture("metrics", metricsText(w.t, registry))
	w.canary.captureSpans()
	return w.canary.leaks()
}

func (w *world) checkSilence() {
	w.t.Helper()
	for _, leak := range w.leaks(metrics.Registry) {
		w.t.Errorf("leak in %s", leak)
	}
	if !w.canary.hasCaptured("span") || !w.canary.hasCaptured("log") {
		w.t.Errorf("no span, or no line of the log, was captured")
	}
}

// The canary finds each fragment of a credential, in each encoding and in each kind of output.
func TestSimCanary(t *testing.T) {
	t.Parallel()
	places := map[string]func(*world, prometheus.Registerer, string){
		"log": func(w *world, _ prometheus.Registerer, text string) {
			log.FromContext(w.canary.withLogger(w.t.Context())).V(9).Info("Text", "key", map[string]string{"a": text})
		},
		"error": func(w *world, _ prometheus.Registerer, text string) {
			w.canary.captureError(w.canary.withLogger(w.t.Context()), fmt.Errorf("call: %w", errors.New(text)))
		},
		"span": func(w *world, _ prometheus.Registerer, text string) {
			_, span := w.canary.tracing().Tracer().Start(w.t.Context(), "Reconcile")
			span.SetAttributes(attribute.String("a", text))
			span.End()
		},
		"event": func(w *world, _ prometheus.Registerer, text string) {
			eventRecorder{w}.Eventf(nil, nil, "Normal", "Updated", "Reconcile", "%s", text)
		},
		"stored ChatConnection": func(w *world, _ prometheus.Registerer, text string) {
			conn := operatortest.Connection(testNamespace, "default")
			conn.Annotations = map[string]string{"said": text}
			w.create(conn)
		},
		"metrics": func(w *world, registry prometheus.Registerer, text string) {
			registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "said", ConstLabels: prometheus.Labels{"text": text}}, func() float64 { return 1 }))
		},
	}
	for place, write := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			silent := newWorld(t, emulator.Options{}, 0, 1)
			key := silent.emulator.AccessKey()
			texts := map[string]string{
				"whole": key, "in a sentence": "It was " + key[20:36] + ", they say.", "base64": base64.StdEncoding.EncodeToString([]byte("key " + key)),
				"escaped": url.QueryEscape(key), "hex": hex.EncodeToString([]byte(key)), "none": "It was " + key[20:20+fragmentLength-1] + ", they say.",
			}
			for name, text := range texts {
				w := newWorld(t, emulator.Options{}, 0, 1)
				w.canary = newCanary()
				w.canary.addSecret("access key", key)
				registry := prometheus.NewRegistry()
				write(w, registry, text)
				leaks := w.leaks(registry)
				if found := len(leaks) > 0 && (strings.HasPrefix(leaks[0], place) || place == "error"); found != (name != "none") {
					t.Errorf("%s: found %q", name, leaks)
				}
			}
		})
	}
}
