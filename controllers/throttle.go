// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// throttleWait is how long a 429 without Retry-After is waited for: the shortest window of ACS.
	throttleWait = 10 * time.Second
	// longestAsked is how long ACS is not asked again at most, whatever it asks for: what it says is a guess, and
	// drift is not looked for meanwhile.
	longestAsked = 10 * time.Minute
	// probePause is how long a call waits for another one that finds out whether ACS takes calls again.
	probePause = time.Second
)

// askedWait is how long ACS is waited for after a 429.
func askedWait(err error) time.Duration {
	if after, ok := acs.RetryAfter(err); ok && after > 0 {
		return min(after, longestAsked)
	}
	return throttleWait
}

// throttle is what ACS asks for with a 429: until when it is not asked, and whether it asked before, without
// having taken a call in between.
type throttle struct {
	until time.Time
	again bool
}

// orLater is the one of two that ends later.
func (t throttle) orLater(other throttle) throttle {
	if other.until.After(t.until) {
		return other
	}
	return t
}

// wait is the end of a pass that does what ACS asks for. It names the moment that ends the wait, unless ACS has
// it wait again and again for a short time: the status would be written each time.
func (t throttle) wait(now time.Time) *waitError {
	wait := &waitError{reason: chatv1alpha1.ReasonThrottled, after: t.until.Sub(now),
		message: "ACS limits the rate of calls (429); the operator goes on when it allows."}
	if wait.after > time.Minute || wait.after > shownWait && !t.again {
		wait.message = fmt.Sprintf("ACS limits the rate of calls (429); the operator goes on at %s.", shownTime(t.until))
	}
	return wait
}

// shownTime is a moment as messages name it.
func shownTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
