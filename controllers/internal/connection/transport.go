// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// probeInterval is how long the threads of an endpoint that does not answer wait for its probe.
	probeInterval = 5 * time.Second
	// probeGrace is how long a look for drift waits before it says so: one call without an answer may be
	// about another thread.
	ProbeGrace = time.Minute
)

// clientOptions are those of every client of a session. A call tries twice at most: what takes longer
// belongs to the work queue, which holds no worker while it waits. first are policies that see each
// try before the others that do.
func ClientOptions(transport *http.Client, timeout time.Duration, found *Connection, first ...policy.Policy) *acs.ClientOptions {
	return &acs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport:        transport,
		Retry:            retryOptions(timeout),
		PerCallPolicies:  []policy.Policy{pacing.CallPolicy{}, refusalLog{}},
		Telemetry:        policy.TelemetryOptions{ApplicationID: "acs-chat-operator"},
		PerRetryPolicies: append(first, callMetrics{}, tryCounter{}, found.Gate),
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

// breaker keeps the threads of an endpoint that does not answer from filling all workers: only one
// pass at a time finds out whether it is back. The zero value has an endpoint of its own.
type Breaker struct{ endpoint atomic.Pointer[reachability] }

// reachability is whether an endpoint answers, for all connections to it.
type reachability struct {
	mu      sync.Mutex
	Down    bool
	probing bool
}

// share has the breaker watch an endpoint together with others.
func (b *Breaker) share(endpoint *reachability) { b.endpoint.Store(endpoint) }

func (b *Breaker) Reachability() *reachability {
	b.endpoint.CompareAndSwap(nil, &reachability{})
	return b.endpoint.Load()
}

// Do notes whether the service can be reached at all; any answer means that it can.
func (b *Breaker) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	// A pass that was called off says nothing about the service.
	if err != nil && errors.Is(err, context.Canceled) {
		return resp, err
	}
	r := b.Reachability()
	r.mu.Lock()
	r.Down = err != nil
	r.mu.Unlock()
	return resp, err
}

// enter lets a pass through, or says that another one already probes. leave must follow a success.
func (b *Breaker) Enter() (leave func(), err error) {
	r := b.Reachability()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.Down {
		return func() {}, nil
	}
	if r.probing {
		return nil, &outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable, After: probeInterval,
			Message: "ACS does not answer; the operator tries again."}
	}
	r.probing = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.probing = false
	}, nil
}

type triesKey struct{}

// countTries counts how often the calls made with the context are sent.
func CountTries(ctx context.Context) (context.Context, *atomic.Int32) {
	tries := new(atomic.Int32)
	return context.WithValue(ctx, triesKey{}, tries), tries
}

// tryCounter is the policy behind countTries.
type tryCounter struct{}

func (tryCounter) Do(req *policy.Request) (*http.Response, error) {
	if tries, ok := req.Raw().Context().Value(triesKey{}).(*atomic.Int32); ok {
		tries.Add(1)
	}
	return req.Next()
}

// refusalLog writes down each call that was refused, with what Microsoft's support asks for.
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
	for _, header := range []struct{ field, name string }{{"msCV", "MS-CV"}, {"requestID", "x-ms-request-id"}} {
		if value := outcome.Sanitize(answer.Header.Get(header.name), outcome.MaxCode); value != "" {
			fields = append(fields, header.field, value)
		}
	}
	logger := ctrl.LoggerFrom(req.Raw().Context())
	// That nothing is there, and that calls come too fast, is often part of the work.
	if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusTooManyRequests {
		logger = logger.V(1)
	}
	logger.Info("A call to ACS was refused", fields...)
	return resp, err
}
