// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package outcome turns the errors of a reconcile into reasons, messages and retries.
//
// Classify is the only place that decides which conditions an error leads to and when the operator
// tries again. Packages with a reason of their own return one of the error types here, or implement
// Classified. All text of a server goes through Sanitize before users see it.
//
// The package does not call ACS or the API server, writes no status and sends no events. It keeps
// no state: backoff is the task of the work queue.
package outcome

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

const (
	// deniedInterval is the wait before a request is repeated that the API server refused.
	deniedInterval = 30 * time.Second
	// MaxMessage limits the part of a server's text that goes into a message.
	MaxMessage = 256
)

// Classified is an error that knows its own outcome.
type Classified interface {
	error
	Outcome() Outcome
}

// Wait is work that continues without a person. There is no error to back off from.
type Wait struct {
	Reason  string
	Message string
	// After is the time until the next reconcile; zero if something else wakes the object.
	After time.Duration
	// Quiet leaves the status unchanged: the reconcile found nothing to report.
	Quiet bool
	// Err is the answer that asks for the wait; nil if no call was sent.
	Err error
}

func (e *Wait) Error() string { return e.Reason + ": " + e.Message }
func (e *Wait) Unwrap() error { return e.Err }

// Outcome implements [Classified].
func (e *Wait) Outcome() Outcome {
	return Outcome{Reason: e.Reason, Message: e.Message, After: e.After, Quiet: e.Quiet}
}

// NonRetriable stops azcore from retrying a call at once that waits for a quota.
func (e *Wait) NonRetriable() {}

// Stalled is work that continues only after a person acted.
type Stalled struct {
	Reason  string
	Message string
}

func (e *Stalled) Error() string { return e.Reason + ": " + e.Message }

// Outcome implements [Classified].
func (e *Stalled) Outcome() Outcome {
	return Outcome{Reason: e.Reason, Message: e.Message, Stalled: true}
}

// Refused is a refusal by ACS after which a person must act. It has a reason of its own.
type Refused struct {
	Reason string
	// Prefix and Suffix stand around the text of ACS.
	Prefix, Suffix string
	// After is the time until the next reconcile; zero leaves it to the resync.
	After time.Duration
	Err   error
}

func (e *Refused) Error() string { return e.Reason + ": " + e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Outcome implements [Classified].
func (e *Refused) Outcome() Outcome {
	gist, message := refusalText(e.Err)
	return Outcome{Reason: e.Reason, StablePrefix: e.Prefix + gist, Message: e.Prefix + message + e.Suffix, Stalled: true, After: e.After}
}

// Contradiction is an answer of ACS that is impossible or that contradicts another one.
type Contradiction struct{ Message string }

func (e *Contradiction) Error() string { return e.Message }

// Outcome implements [Classified].
func (e *Contradiction) Outcome() Outcome {
	return Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: e.Message, Err: e}
}

// call is a call to ACS that failed.
type call struct {
	// attempt completes "ACS refused to …" and "ACS did not answer when asked to …".
	attempt string
	err     error
}

func (e *call) Error() string { return e.attempt + ": " + Sanitize(e.err.Error(), MaxMessage*2) }
func (e *call) Unwrap() error { return e.err }

// CallFailed adds the attempted action to the error of a call.
func CallFailed(attempt string, err error) error {
	if err == nil {
		return nil
	}
	return &call{attempt: attempt, err: err}
}

// Outcome is the effect of a reconcile on conditions, events and the next reconcile.
type Outcome struct {
	Reason  string
	Message string
	// StablePrefix is the part of a message that stays the same while the rest varies: the text of ACS
	// may contain a request id or a time.
	StablePrefix string
	Ready        bool
	Stalled      bool
	// Quiet leaves the conditions unchanged.
	Quiet bool
	// After is the time until the next reconcile; zero leaves it to the resync.
	After time.Duration
	// Err is returned to the work queue, which backs off.
	Err error
}

// Classify is the only place that decides how users see an error and when the operator retries.
func Classify(err error) Outcome {
	var classified Classified
	var status apierrors.APIStatus
	var call *call
	var token *acs.TokenError
	var response *azcore.ResponseError
	switch {
	case err == nil:
		return Outcome{Reason: chatv1alpha1.ReasonSucceeded, Ready: true}
	case errors.As(err, &classified):
		return classified.Outcome()
	case errors.As(err, &status):
		return classifyKubernetes(status, err)
	case acs.IsForeign(err):
		return classifyForeign(err)
	case errors.Is(err, acs.ErrInvalidID):
		return Outcome{Reason: chatv1alpha1.ReasonInvalidRequest, Stalled: true,
			Message: fmt.Sprintf("ACS cannot be asked to %s: an id in the declaration cannot be one.", Attempted(err))}
	case errors.As(err, &token) && errors.As(err, &response):
		return classifyTokenRefusal(response, err)
	case errors.As(err, &response):
		return classifyResponse(response, err)
	case errors.As(err, &call) && !errors.Is(err, context.Canceled):
		return Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: unreachable(err), Err: err}
	default:
		// The operator is stopping, or the API server is unreachable: there is nothing to report on ACS.
		return Outcome{Quiet: true, Err: err}
	}
}

// classifyKubernetes reports a request that the Kubernetes API server refused to the operator, such
// as a write that an admission policy denies. The status can still be written. A conflict is a
// stale cache. Other failures, such as a refusal of the operator's own token, make a status write
// impossible.
func classifyKubernetes(status apierrors.APIStatus, err error) Outcome {
	switch code := status.Status().Code; {
	case apierrors.IsConflict(err):
		return Outcome{Quiet: true, After: 100 * time.Millisecond}
	case code == http.StatusBadRequest, code == http.StatusForbidden, code == http.StatusUnprocessableEntity, code == http.StatusRequestEntityTooLarge:
		return Outcome{Reason: chatv1alpha1.ReasonPermissionDenied, Stalled: true, After: deniedInterval,
			Message: fmt.Sprintf("The Kubernetes API server refused a request of the operator: %s.", strings.TrimSuffix(Sanitize(err.Error(), 2*MaxMessage), "."))}
	default:
		return Outcome{Quiet: true, Err: err}
	}
}

// classifyForeign reports an answer that did not come from ACS.
func classifyForeign(err error) Outcome {
	response, _ := errors.AsType[*azcore.ResponseError](err)
	kind := ""
	if response.RawResponse != nil {
		kind = Sanitize(response.RawResponse.Header.Get("Content-Type"), MaxCode)
	}
	return Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Err: err,
		Message: fmt.Sprintf("Something between the operator and ACS answered %s when asked to %s; the operator tries again.",
			strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, kind)), Attempted(err))}
}

func classifyResponse(response *azcore.ResponseError, err error) Outcome {
	o := Outcome{}
	o.StablePrefix, o.Message = refusalText(err)
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests:
		now := time.Now()
		return Throttle{Until: now.Add(RetryAfter(err)), Again: true}.Wait(now).Outcome()
	case status == http.StatusUnauthorized:
		o.Reason, o.Stalled = chatv1alpha1.ReasonAuthenticationFailed, true
	case status == http.StatusForbidden:
		o.Reason, o.Stalled = chatv1alpha1.ReasonAccessLost, true
	// The text of a failing server may change with each reconcile: it goes to the log, not to status.
	case status >= 500:
		o.Message = fmt.Sprintf("ACS is in trouble (%d) and did not %s; the operator tries again.", status, Attempted(err))
		fallthrough
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusPreconditionFailed,
		status == http.StatusNotFound, status < 400:
		o.Reason, o.Err = chatv1alpha1.ReasonServiceUnavailable, err
		if after, ok := acs.RetryAfter(err); ok && after > 0 {
			o.After, o.Err = min(after, LongestAsked), nil
		}
	default:
		o.Reason, o.Stalled = chatv1alpha1.ReasonInvalidRequest, true
	}
	return o
}

// classifyTokenRefusal handles a service user for which ACS issues no token. A refusal of the user
// has no meaning for the thread.
func classifyTokenRefusal(response *azcore.ResponseError, err error) Outcome {
	o := classifyResponse(response, CallFailed("issue a token for the service user", err))
	if o.Stalled || response.StatusCode == http.StatusNotFound {
		return Outcome{Reason: chatv1alpha1.ReasonAuthenticationFailed, StablePrefix: o.StablePrefix, Message: o.Message, Stalled: true}
	}
	return o
}

// Definite reports whether the answer of ACS makes certain that nothing was changed.
func Definite(err error) bool {
	return acs.HasStatus(err, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests)
}

// Attempted returns the action that failed with err.
func Attempted(err error) string {
	if call, ok := errors.AsType[*call](err); ok {
		return call.attempt
	}
	return "answer"
}

// refusalText returns a sentence on an answer of ACS that is not a success. The gist is the part of
// the sentence that stays the same if ACS varies its text.
func refusalText(err error) (gist, sentence string) {
	var response *azcore.ResponseError
	if !errors.As(err, &response) {
		return "", unreachable(err)
	}
	if response.StatusCode < http.StatusBadRequest {
		return "", fmt.Sprintf("ACS gave an answer (%d) that is not understood when asked to %s; the operator tries again.", response.StatusCode, Attempted(err))
	}
	gist = fmt.Sprintf("ACS refused to %s (%d", Attempted(err), response.StatusCode)
	detail, _ := acs.Detail(err)
	if hint := reach.ClockHint(err); hint != "" {
		return gist, gist + "). " + hint
	}
	if said := strings.TrimSuffix(Sanitize(strings.TrimSpace(detail.Code+" "+detail.Message), MaxMessage), "."); said != "" {
		return gist + ": " + Sanitize(detail.Code, MaxMessage), gist + ": " + said + ")."
	}
	return gist, gist + ")."
}

// unreachable returns a sentence on a call without an answer.
func unreachable(err error) string { return WithoutAnswer(err) + "; the operator tries again." }

// WithoutAnswer returns the reason why a call has no answer.
func WithoutAnswer(err error) string {
	return fmt.Sprintf("ACS %s when asked to %s", reach.Why(err), Attempted(err))
}

// Sanitize makes the text of a server fit for status, events and logs: one line, printable, of
// limited length.
func Sanitize(text string, limit int) string {
	var b strings.Builder
	space := ""
	for _, r := range text {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			if b.Len() > 0 {
				space = " "
			}
			continue
		}
		if b.Len()+len(space)+utf8.RuneLen(r) > limit-len("…") {
			return b.String() + "…"
		}
		b.WriteString(space)
		b.WriteRune(r)
		space = ""
	}
	return b.String()
}

// MaxCode limits the shown part of an error code of ACS, in bytes.
const MaxCode = 60

// ShownWait is the shortest wait for a quota that status shows.
const ShownWait = 5 * time.Second

// Plural returns a count with its noun.
func Plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}
