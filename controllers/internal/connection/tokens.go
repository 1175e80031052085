// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// unknownConfirm is how far apart two answers must be that there is no such user, before they
	// count.
	unknownConfirm = 10 * time.Second
	// firstUnknown and lastUnknown bound how long the answer is kept that ACS knows no such user.
	firstUnknown = time.Minute
	lastUnknown  = 10 * time.Minute
	// uselessPause is how long no other token is requested after one that had already expired.
	uselessPause = 30 * time.Second
)

// tokenSource issues the tokens of a service user. All callers obey an answer of ACS to any of
// them.
type tokenSource struct {
	identity *acs.IdentityClient
	user     string

	mu sync.Mutex
	// until is how long ACS is not asked, and answer is the error that callers get instead.
	until  time.Time
	answer error
	// unknown is how often in a row it was confirmed that ACS knows no such user, and unknownSince
	// is when ACS first said so. throttles is how often in a row ACS answered 429.
	unknown, throttles int
	unknownSince       time.Time
}

func (t *tokenSource) issue(ctx context.Context) (acs.AccessToken, error) {
	if err := t.held(); err != nil {
		return acs.AccessToken{}, err
	}
	issued, err := t.identity.IssueToken(ctx, t.user, []acs.TokenScope{acs.ScopeChat}, nil)
	now := time.Now()
	if err == nil && !now.Before(issued.ExpiresOn) {
		err = t.hold(now.Add(uselessPause), &outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable, After: uselessPause,
			Message: fmt.Sprintf("ACS issued a token that had run out at %s, by the clock of the operator: check that clock.", outcome.ShownTime(issued.ExpiresOn))})
		return acs.AccessToken{}, err
	}
	return issued.AccessToken, t.note(err, now)
}

// hold keeps an answer for a while, in which ACS is not asked, and returns it.
func (t *tokenSource) hold(until time.Time, answer error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until, t.answer = until, answer
	return answer
}

// held returns the answer that still counts, or nil if ACS may be asked.
func (t *tokenSource) held() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := time.Until(t.until)
	if wait <= 0 {
		return nil
	}
	if throttled, ok := errors.AsType[*outcome.Wait](t.answer); ok {
		still := *throttled
		still.After = wait
		return &still
	}
	return t.answer
}

// note keeps an answer that counts for a while: a 429, and that there is no such user.
func (t *tokenSource) note(err error, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.unknown, t.unknownSince, t.throttles = 0, time.Time{}, 0
	case acs.HasStatus(err, http.StatusTooManyRequests):
		t.until = now.Add(outcome.RetryAfter(err))
		t.answer = outcome.Throttle{Until: t.until, Again: t.throttles > 0}.Wait(now)
		t.throttles++
		return t.answer
	case !acs.HasStatus(err, http.StatusBadRequest, http.StatusNotFound):
	case t.unknownSince.IsZero():
		t.unknownSince = now
	case now.Sub(t.unknownSince) >= unknownConfirm:
		t.until, t.answer = now.Add(min(firstUnknown<<t.unknown, lastUnknown)), err
		t.unknown = min(t.unknown+1, 10)
	}
	return err
}

// askAgain ends the waits.
func (t *tokenSource) askAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until, t.unknown, t.unknownSince = time.Time{}, 0, time.Time{}
}
