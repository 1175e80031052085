// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"sync"
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// probeInterval is how long a reconcile waits while another call probes its endpoint.
	probeInterval = 5 * time.Second
	// slowCall is how long a call of a healthy endpoint takes at most, and slowMemory is how long
	// an endpoint counts as slow after a call that took longer.
	slowCall   = time.Second
	slowMemory = 30 * time.Second
)

// ErrAwaitsProbe is in the error of a call that was not sent, and of a reconcile that ended before
// its first call, because another call probes an endpoint that does not answer.
var ErrAwaitsProbe = errors.New("another call probes the endpoint")

// endpoint is an ACS resource as the operator reaches it, for all connections to it.
type endpoint struct {
	url string

	mu sync.Mutex
	// isDown says that the last call had no answer, and isProbed that a call finds out whether it
	// has one now.
	isDown, isProbed bool
	// slowUntil is until when the endpoint counts as slow, and pending holds when each call began
	// that is under way.
	slowUntil time.Time
	pending   map[*time.Time]bool
	// answered is when the last call had an answer.
	answered time.Time
}

// admit lets a call through. While the endpoint is down it lets one through at a time, until leave;
// the others fail with a wait.
func (e *endpoint) admit() (leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.awaitsProbe(); err != nil {
		return nil, err
	}
	if !e.isDown {
		return func() {}, nil
	}
	e.isProbed = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.isProbed = false
	}, nil
}

// checkProbe fails with a wait if a call would fail now because another one probes.
func (e *endpoint) checkProbe() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.awaitsProbe()
}

// awaitsProbe returns the wait for the probe, or nil. The caller holds the lock.
func (e *endpoint) awaitsProbe() error {
	if !e.isDown || !e.isProbed {
		return nil
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable, After: probeInterval, Err: ErrAwaitsProbe,
		Message: "ACS does not answer; the operator tries again."}
}

// begin notes a call that is sent; done notes its end. Any answer means that the endpoint can be
// reached. A call that was canceled says nothing about that.
func (e *endpoint) begin() (done func(error)) {
	began := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pending == nil {
		e.pending = map[*time.Time]bool{}
	}
	e.pending[&began] = true
	return func(err error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.pending, &began)
		now := time.Now()
		if now.Sub(began) > slowCall {
			e.slowUntil = now.Add(slowMemory)
		}
		if err == nil {
			e.answered = now
		}
		if !errors.Is(err, context.Canceled) {
			e.isDown = err != nil
		}
	}
}

// The states of an ACS resource in metrics.
const (
	serviceAnswers     = "answers"
	serviceUnreachable = "unreachable"
	serviceUnknown     = "unknown"
)

// state returns whether the endpoint answers, for metrics.
func (e *endpoint) state() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.isDown:
		return serviceUnreachable
	case e.answered.IsZero():
		return serviceUnknown
	default:
		return serviceAnswers
	}
}

// answersAtOnce reports whether the endpoint is in use, and answers fast.
func (e *endpoint) answersAtOnce(now time.Time) bool {
	if e.isSlow(now) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Sub(e.answered) <= slowCall
}

// isSlow reports whether calls lately took longer than slowCall, or one has already done so.
func (e *endpoint) isSlow(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Before(e.slowUntil) || e.isDown {
		return true
	}
	for began := range e.pending {
		if now.Sub(*began) > slowCall {
			return true
		}
	}
	return false
}
