// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

const (
	// firstUnknown and lastUnknown bound for how long it is believed that ACS issues no token for a user.
	firstUnknown = time.Minute
	lastUnknown  = 10 * time.Minute
)

// tokenSource issues the tokens of a service user. All who need one obey what ACS said to any of them.
type tokenSource struct {
	identity *acs.IdentityClient
	user     string

	mu sync.Mutex
	// until is how long ACS is not asked, and answer what who asks is told instead.
	until  time.Time
	answer error
	// unknown is how often in a row ACS said that it knows no such user, throttles how often that calls come too fast.
	unknown, throttles int
}

func (t *tokenSource) issue(ctx context.Context) (acs.AccessToken, error) {
	if err := t.held(); err != nil {
		return acs.AccessToken{}, err
	}
	issued, err := t.identity.IssueToken(ctx, t.user, []acs.TokenScope{acs.ScopeChat}, nil)
	return issued.AccessToken, t.note(err, time.Now())
}

// held is the answer that still counts; nil where ACS may be asked.
func (t *tokenSource) held() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := time.Until(t.until)
	if wait <= 0 {
		return nil
	}
	if throttled, ok := t.answer.(*waitError); ok { //nolint:errorlint // it was made here, and wraps nothing
		still := *throttled
		still.after = wait
		return &still
	}
	return t.answer
}

// note keeps an answer that counts for a while: a limit of the rate, and that there is no such user.
func (t *tokenSource) note(err error, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.unknown, t.throttles = 0, 0
	case acs.HasStatus(err, http.StatusTooManyRequests):
		t.until = now.Add(askedWait(err))
		t.answer = throttle{until: t.until, again: t.throttles > 0}.wait(now)
		t.throttles++
		return t.answer
	case acs.HasStatus(err, http.StatusBadRequest, http.StatusNotFound):
		t.until, t.answer = now.Add(min(firstUnknown<<t.unknown, lastUnknown)), err
		t.unknown = min(t.unknown+1, 10)
	}
	return err
}

// askAgain ends the waits.
func (t *tokenSource) askAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until, t.unknown = time.Time{}, 0
}
