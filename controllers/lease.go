// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Times of the leader election. A standby looks for the lease every LeaseRetryPeriod to 2.2 times that,
// so that it works soon after a leader gave the lease back.
const (
	LeaseDuration      = 15 * time.Second
	LeaseRenewDeadline = 10 * time.Second
	LeaseRetryPeriod   = 500 * time.Millisecond
	// leaseLimit is how long after its last renewal a leader may send: longer than it tries to renew, and shorter
	// than others respect its lease. What lies between is for calls in hand: one that takes longer may reach
	// ACS while another leads.
	leaseLimit = 12 * time.Second
)

// Lease keeps a process from writing that led and lost its lease without noticing: one that was stopped,
// or whose machine was, goes on where it was, with calls in hand that another leader has long done, or
// undone. Without leader election there is no renewal, and nothing is refused.
type Lease struct {
	lost func(error)

	mu      sync.Mutex
	renewed time.Time // when the last renewal that succeeded was sent
	lapsed  bool
}

// NewLease gives the lease of this process. lost is called once it lapsed, from within the call that noticed, and must
// not use the lease: the process must end at once, as what it remembers may be wrong.
func NewLease(lost func(error)) *Lease { return &Lease{lost: lost} }

// lapsedError ends passes of a process that no longer leads. It counts as a cancellation, of which
// nothing is told.
type lapsedError struct{}

func (lapsedError) Error() string        { return "the lease has run out, another operator may lead" }
func (lapsedError) Is(target error) bool { return target == context.Canceled }

// NonRetriable tells azcore not to try again.
func (lapsedError) NonRetriable() {}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// ForAPIServer notes renewals of the lease; once it has lapsed, writes of this operator's kinds fail.
func (l *Lease) ForAPIServer(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		sent := time.Now()
		reads := req.Method == http.MethodGet
		err := l.check()
		if err != nil && !reads && strings.Contains(req.URL.Path, "/apis/"+chatv1alpha1.GroupVersion.Group+"/") {
			return refuse(req, err)
		}
		resp, err := next.RoundTrip(req)
		renews := !reads && strings.Contains(req.URL.Path, "/apis/coordination.k8s.io/")
		if renews && err == nil && resp.StatusCode < http.StatusMultipleChoices {
			l.renew(sent)
		}
		return resp, err
	})
}

// ForACS lets calls to ACS through; once the lease has lapsed, every one fails.
func (l *Lease) ForACS(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if err := l.check(); err != nil {
			return refuse(req, err)
		}
		return next.RoundTrip(req)
	})
}

// refuse does what a transport must do even with a request that it does not send.
func refuse(req *http.Request, err error) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// check says whether this process may still write. Once it may not, it never may again.
func (l *Lease) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.lapsed:
		return lapsedError{}
	case l.renewed.IsZero() || sinceByAnyClock(l.renewed) < leaseLimit:
		return nil
	}
	l.lapsed = true
	l.lost(lapsedError{})
	return lapsedError{}
}

func (l *Lease) renew(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = sent
}

// sinceByAnyClock counts the time in which the machine slept, too: only one of the clocks goes on then.
func sinceByAnyClock(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}
