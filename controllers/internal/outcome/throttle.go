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
	// throttleWait is how long a 429 without Retry-After is waited for: the shortest window of ACS.
	ThrottleWait = 10 * time.Second
	// longestAsked is how long ACS is not asked again at most, whatever it asks for: what it says is a guess, and
	// drift is not looked for meanwhile.
	LongestAsked = 10 * time.Minute
	// probePause is how long a call waits for another one that finds out whether ACS takes calls again.
	ProbePause = time.Second
)

// askedWait is how long ACS is waited for after a 429.
func RetryAfter(err error) time.Duration {
	if after, ok := acs.RetryAfter(err); ok && after > 0 {
		return min(after, LongestAsked)
	}
	return ThrottleWait
}

// throttle is what ACS asks for with a 429: until when it is not asked, and whether it asked before, without
// having taken a call in between.
type Throttle struct {
	Until time.Time
	Again bool
}

// orLater is the one of two that ends later.
func (t Throttle) OrLater(other Throttle) Throttle {
	if other.Until.After(t.Until) {
		return other
	}
	return t
}

// wait is the end of a pass that does what ACS asks for. It names the moment that ends the wait, unless ACS has
// it wait again and again for a short time: the status would be written each time.
func (t Throttle) Wait(now time.Time) *Wait {
	wait := &Wait{Reason: chatv1alpha1.ReasonThrottled, After: t.Until.Sub(now),
		Message: "ACS limits the rate of calls (429); the operator continues when it allows."}
	if wait.After > time.Minute || wait.After > ShownWait && !t.Again {
		wait.Message = fmt.Sprintf("ACS limits the rate of calls (429); the operator continues at %s.", ShownTime(t.Until))
	}
	return wait
}

// shownTime is a moment as messages name it.
func ShownTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
