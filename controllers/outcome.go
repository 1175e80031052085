// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

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
)

const (
	// deniedInterval is how long the operator waits before it repeats what the API server refused.
	deniedInterval = 30 * time.Second
	// maxMessage is how much of what a server says goes into a message.
	maxMessage = 256
)

// judgedError is an error that whoever saw it knows the meaning of.
type judgedError interface {
	error
	outcome() outcome
}

// waitError is work that goes on by itself, with no error to back off from.
type waitError struct {
	reason  string
	message string
	// after is when to look again; zero where something else wakes the object.
	after time.Duration
	// quiet changes no status: the pass saw nothing that is worth telling.
	quiet bool
	// err is the answer that asks for the wait; nil if no call was sent.
	err error
}

func (e *waitError) Error() string { return e.reason + ": " + e.message }
func (e *waitError) Unwrap() error { return e.err }
func (e *waitError) outcome() outcome {
	return outcome{reason: e.reason, message: e.message, after: e.after, quiet: e.quiet}
}

// NonRetriable tells azcore that a call that waits for a quota is not to be tried again at once.
func (e *waitError) NonRetriable() {}

// stalledError is work that goes on only after a person acted.
type stalledError struct {
	reason  string
	message string
}

func (e *stalledError) Error() string { return e.reason + ": " + e.message }
func (e *stalledError) outcome() outcome {
	return outcome{reason: e.reason, message: e.message, stalled: true}
}

// refusedError is a refusal of ACS after which a person must act, with a reason of its own.
type refusedError struct {
	reason string
	// prefix and suffix are more words around what ACS said.
	prefix, suffix string
	// after is when to look again; zero leaves it to the resync.
	after time.Duration
	err   error
}

func (e *refusedError) Error() string { return e.reason + ": " + e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }
func (e *refusedError) outcome() outcome {
	gist, message := refusal(e.err)
	return outcome{reason: e.reason, gist: e.prefix + gist, message: e.prefix + message + e.suffix, stalled: true, after: e.after}
}

// unbelievableError is an answer of ACS that cannot be, or that another one belies.
type unbelievableError struct{ message string }

func (e *unbelievableError) Error() string { return e.message }
func (e *unbelievableError) outcome() outcome {
	return outcome{reason: chatv1alpha1.ReasonServiceUnavailable, message: e.message, err: e}
}

// callError is a call to ACS that failed.
type callError struct {
	// attempt completes "ACS refused to …" and "ACS did not answer when asked to …".
	attempt string
	err     error
}

func (e *callError) Error() string { return e.attempt + ": " + cut(e.err.Error(), maxMessage*2) }
func (e *callError) Unwrap() error { return e.err }

// failed names the call that err comes from.
func failed(attempt string, err error) error {
	if err == nil {
		return nil
	}
	return &callError{attempt: attempt, err: err}
}

// outcome is what the end of a pass means for conditions, events and the next pass.
type outcome struct {
	reason  string
	message string
	// gist is how a message begins that tells the same in other words: ACS may put the id of a request,
	// or a time, into what it says.
	gist    string
	ready   bool
	stalled bool
	// quiet leaves the conditions as they are.
	quiet bool
	// after is when to look again; zero leaves it to the resync.
	after time.Duration
	// err is given back to the work queue, which backs off.
	err error
}

// classify is the only place that turns an error into what users see and when it is tried again.
func classify(err error) outcome {
	var judged judgedError
	var status apierrors.APIStatus
	var call *callError
	var token *acs.TokenError
	var response *azcore.ResponseError
	switch {
	case err == nil:
		return outcome{reason: chatv1alpha1.ReasonSucceeded, ready: true}
	case errors.As(err, &judged):
		return judged.outcome()
	case errors.As(err, &status):
		return classifyKubernetes(status, err)
	case acs.IsForeign(err):
		return classifyForeign(err)
	case errors.Is(err, acs.ErrInvalidID):
		return outcome{reason: chatv1alpha1.ReasonInvalidRequest, stalled: true,
			message: fmt.Sprintf("ACS cannot be asked to %s: an id in the declaration cannot be one.", attempted(err))}
	case errors.As(err, &token) && errors.As(err, &response):
		return classifyTokenRefusal(response, err)
	case errors.As(err, &response):
		return classifyResponse(response, err)
	case errors.As(err, &call) && !errors.Is(err, context.Canceled):
		return outcome{reason: chatv1alpha1.ReasonServiceUnavailable, message: unreachable(err), err: err}
	default:
		// The operator stops, or the API server cannot be reached: nothing to tell of ACS.
		return outcome{quiet: true, err: err}
	}
}

// classifyKubernetes tells what the Kubernetes API server refuses to the operator, such as a write that an
// admission policy denies. A status can be written all the same. A conflict is a stale cache; other
// failures, and one that concerns the operator's own token, leave no status to write.
func classifyKubernetes(status apierrors.APIStatus, err error) outcome {
	switch code := status.Status().Code; {
	case apierrors.IsConflict(err):
		return outcome{quiet: true, after: 100 * time.Millisecond}
	case code == http.StatusBadRequest, code == http.StatusForbidden, code == http.StatusUnprocessableEntity, code == http.StatusRequestEntityTooLarge:
		return outcome{reason: chatv1alpha1.ReasonPermissionDenied, stalled: true, after: deniedInterval,
			message: fmt.Sprintf("The Kubernetes API server refused a request of the operator: %s.", strings.TrimSuffix(cut(err.Error(), 2*maxMessage), "."))}
	default:
		return outcome{quiet: true, err: err}
	}
}

// classifyForeign tells an answer that ACS did not give.
func classifyForeign(err error) outcome {
	response, _ := errors.AsType[*azcore.ResponseError](err)
	kind := ""
	if response.RawResponse != nil {
		kind = cut(response.RawResponse.Header.Get("Content-Type"), maxCode)
	}
	return outcome{reason: chatv1alpha1.ReasonServiceUnavailable, err: err,
		message: fmt.Sprintf("Something between the operator and ACS answered %s when asked to %s; the operator tries again.",
			strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, kind)), attempted(err))}
}

func classifyResponse(response *azcore.ResponseError, err error) outcome {
	o := outcome{}
	o.gist, o.message = refusal(err)
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests:
		now := time.Now()
		return throttle{until: now.Add(askedWait(err)), again: true}.wait(now).outcome()
	case status == http.StatusUnauthorized:
		o.reason, o.stalled = chatv1alpha1.ReasonAuthenticationFailed, true
	case status == http.StatusForbidden:
		o.reason, o.stalled = chatv1alpha1.ReasonAccessLost, true
	// What a server in trouble says may change from pass to pass: it goes to the log, not to status.
	case status >= 500:
		o.message = fmt.Sprintf("ACS is in trouble (%d) and did not %s; the operator tries again.", status, attempted(err))
		fallthrough
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusPreconditionFailed,
		status == http.StatusNotFound, status < 400:
		o.reason, o.err = chatv1alpha1.ReasonServiceUnavailable, err
		if after, ok := acs.RetryAfter(err); ok && after > 0 {
			o.after, o.err = min(after, longestAsked), nil
		}
	default:
		o.reason, o.stalled = chatv1alpha1.ReasonInvalidRequest, true
	}
	return o
}

// classifyTokenRefusal deals with a service user for whom ACS issues no token: what it says of the user
// says nothing of the thread.
func classifyTokenRefusal(response *azcore.ResponseError, err error) outcome {
	o := classifyResponse(response, failed("issue a token for the service user", err))
	if o.stalled || response.StatusCode == http.StatusNotFound {
		return outcome{reason: chatv1alpha1.ReasonAuthenticationFailed, gist: o.gist, message: o.message, stalled: true}
	}
	return o
}

// isRefused says whether ACS answered for certain that it did nothing.
func isRefused(err error) bool {
	return acs.HasStatus(err, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests)
}

// attempted says what was being tried when err happened.
func attempted(err error) string {
	if call, ok := errors.AsType[*callError](err); ok {
		return call.attempt
	}
	return "answer"
}

// refusal is a sentence on an answer of ACS that is no success, and how that begins whatever else ACS says.
func refusal(err error) (gist, sentence string) {
	var response *azcore.ResponseError
	if !errors.As(err, &response) {
		return "", unreachable(err)
	}
	if response.StatusCode < http.StatusBadRequest {
		return "", fmt.Sprintf("ACS gave an answer (%d) that is not understood when asked to %s; the operator tries again.", response.StatusCode, attempted(err))
	}
	gist = fmt.Sprintf("ACS refused to %s (%d", attempted(err), response.StatusCode)
	detail, _ := acs.Detail(err)
	if hint := clockHint(err); hint != "" {
		return gist, gist + "). " + hint
	}
	if said := strings.TrimSuffix(cut(strings.TrimSpace(detail.Code+" "+detail.Message), maxMessage), "."); said != "" {
		return gist + ": " + cut(detail.Code, maxMessage), gist + ": " + said + ")."
	}
	return gist, gist + ")."
}

// unreachable is a sentence on a call without an answer.
func unreachable(err error) string { return withoutAnswer(err) + "; the operator tries again." }

// withoutAnswer says why a call has no answer.
func withoutAnswer(err error) string {
	return fmt.Sprintf("ACS %s when asked to %s", whyNoAnswer(err), attempted(err))
}

// cut makes what a server said fit for status, events and logs: one line, printable, of limited length.
func cut(text string, limit int) string {
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

// maxCode is how much of a code of ACS is shown, in bytes.
const maxCode = 60

// shownWait is from which length on a wait for a quota is shown in status.
const shownWait = 5 * time.Second
