// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"context"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// RetriedStatuses are answers after which a call is tried again at once.
var RetriedStatuses = []int{
	http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// Attempts are the tries of a call that were sent.
type Attempts struct {
	// Count is how many there were.
	Count int
	// resp and err are the end of the last one.
	resp *http.Response
	err  error
}

// hasFailed reports whether the last try ended so that azcore tries again.
func (a *Attempts) hasFailed() bool {
	return a != nil && (a.err != nil || a.resp != nil && slices.Contains(RetriedStatuses, a.resp.StatusCode))
}

type attemptsKey struct{}

// AttemptsOf returns the record of a call; nil if it has none.
func AttemptsOf(ctx context.Context) *Attempts {
	attempts, _ := ctx.Value(attemptsKey{}).(*Attempts)
	return attempts
}

// Last returns the end of the last try.
func (a *Attempts) Last() (*http.Response, error) { return a.resp, a.err }

// WithAttempts returns a context for one call, and the record of its attempts.
func WithAttempts(ctx context.Context) (context.Context, *Attempts) {
	attempts := &Attempts{}
	return context.WithValue(ctx, attemptsKey{}, attempts), attempts
}

// CallPolicy gives each call a record of its attempts, unless its context has one.
type CallPolicy struct{}

// Do sends the call with its record.
func (CallPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	if ctx.Value(attemptsKey{}) == nil {
		ctx, _ = WithAttempts(ctx)
	}
	return req.WithContext(ctx).Next()
}

// AttemptPolicy records each try. It stands in the pipeline behind the retries and the policy of
// the pacer.
type AttemptPolicy struct{}

// Do sends a try, and notes its end.
func (AttemptPolicy) Do(req *policy.Request) (*http.Response, error) {
	attempts, ok := req.Raw().Context().Value(attemptsKey{}).(*Attempts)
	if !ok {
		return req.Next()
	}
	attempts.Count++
	attempts.resp, attempts.err = nil, nil
	attempts.resp, attempts.err = req.Next()
	return attempts.resp, attempts.err
}
