// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

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

// askedUntil is until when ACS is waited for after a 429. Where the pacer keeps the moment it is that one, so
// that whoever waits tells the same.
func askedUntil(err error, now time.Time) time.Time {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	if ok && response.RawResponse != nil && response.RawResponse.Request != nil {
		if last, ok := response.RawResponse.Request.Context().Value(tryKey{}).(*earlierTry); ok && last.until.After(now) {
			return last.until
		}
	}
	return now.Add(askedWait(err))
}

// throttled is the wait that ACS asks for. A long one names its end.
func throttled(now, until time.Time) *waitError {
	wait := &waitError{reason: chatv1alpha1.ReasonThrottled, after: until.Sub(now),
		message: "ACS limits the rate of calls (429); the operator goes on when it allows."}
	if wait.after > shownWait {
		wait.message = fmt.Sprintf("ACS limits the rate of calls (429); the operator goes on at %s.", shownTime(until))
	}
	return wait
}

// shownTime is a moment as messages name it.
func shownTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
