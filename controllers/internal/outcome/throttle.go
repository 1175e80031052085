// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"fmt"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// ThrottleWait is the wait after a 429 without Retry-After: the shortest window of ACS.
	ThrottleWait = 10 * time.Second
	// LongestAsked bounds the wait after a 429, even if ACS asks for more. The value of ACS is an
	// estimate, and drift is not detected during the wait.
	LongestAsked = 10 * time.Minute
)

// RetryAfter returns the wait after a 429.
func RetryAfter(err error) time.Duration {
	if after, ok := acs.RetryAfter(err); ok && after > 0 {
		return min(after, LongestAsked)
	}
	return ThrottleWait
}

// Throttle is the wait that ACS asks for with a 429. It lasts until Until. Again is set if ACS
// asked for a wait before and has not taken a call since.
type Throttle struct {
	Until time.Time
	Again bool
}

// OrLater returns the throttle that ends later.
func (t Throttle) OrLater(other Throttle) Throttle {
	if other.Until.After(t.Until) {
		return other
	}
	return t
}

// Wait returns the error of a reconcile that observes the throttle. Its message names the end of
// the wait. If ACS asks for short waits again and again, the message names no time, because the
// status would be written each time.
func (t Throttle) Wait(now time.Time) *Wait {
	wait := &Wait{Reason: chatv1alpha1.ReasonThrottled, After: t.Until.Sub(now),
		Message: "ACS limits the rate of calls (429); the operator continues when it allows."}
	if wait.After > time.Minute || wait.After > ShownWait && !t.Again {
		wait.Message = fmt.Sprintf("ACS limits the rate of calls (429); the operator continues at %s.", ShownTime(t.Until))
	}
	return wait
}

// ShownTime formats a time for messages.
func ShownTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
