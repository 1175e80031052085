// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

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
)

const (
	// deniedInterval is how long the operator waits before it repeats what the API server refused.
	deniedInterval = 30 * time.Second
	// maxMessage is how much of what a server says goes into a message.
	MaxMessage = 256
)

// judgedError is an error that whoever saw it knows the meaning of.
type Classified interface {
	error
	Outcome() Outcome
}

// waitError is work that goes on by itself, with no error to back off from.
type Wait struct {
	Reason  string
	Message string
	// after is when to look again; zero where something else wakes the object.
	After time.Duration
	// quiet changes no status: the pass saw nothing that is worth telling.
	Quiet bool
	// err is the answer that asks for the wait; nil if no call was sent.
	Err error
}

func (e *Wait) Error() string { return e.Reason + ": " + e.Message }
func (e *Wait) Unwrap() error { return e.Err }
func (e *Wait) Outcome() Outcome {
	return Outcome{Reason: e.Reason, Message: e.Message, After: e.After, Quiet: e.Quiet}
}

// NonRetriable tells azcore that a call that waits for a quota is not to be tried again at once.
func (e *Wait) NonRetriable() {}

// stalledError is work that goes on only after a person acted.
type Stalled struct {
	Reason  string
	Message string
}

func (e *Stalled) Error() string { return e.Reason + ": " + e.Message }
func (e *Stalled) Outcome() Outcome {
	return Outcome{Reason: e.Reason, Message: e.Message, Stalled: true}
}

// refusedError is a refusal of ACS after which a person must act, with a reason of its own.
type Refused struct {
	Reason string
	// prefix and suffix are more words around what ACS said.
	Prefix, Suffix string
	// after is when to look again; zero leaves it to the resync.
	After time.Duration
	Err   error
}

func (e *Refused) Error() string { return e.Reason + ": " + e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }
func (e *Refused) Outcome() Outcome {
	gist, message := refusalText(e.Err)
	return Outcome{Reason: e.Reason, StablePrefix: e.Prefix + gist, Message: e.Prefix + message + e.Suffix, Stalled: true, After: e.After}
}

// unbelievableError is an answer of ACS that cannot be, or that another one belies.
type Contradiction struct{ Message string }

func (e *Contradiction) Error() string { return e.Message }
func (e *Contradiction) Outcome() Outcome {
	return Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: e.Message, Err: e}
}

// callError is a call to ACS that failed.
type call struct {
	// attempt completes "ACS refused to …" and "ACS did not answer when asked to …".
	attempt string
	err     error
}

func (e *call) Error() string { return e.attempt + ": " + Sanitize(e.err.Error(), MaxMessage*2) }
func (e *call) Unwrap() error { return e.err }

// failed names the call that err comes from.
func CallFailed(attempt string, err error) error {
	if err == nil {
		return nil
	}
	return &call{attempt: attempt, err: err}
}

// outcome is what the end of a pass means for conditions, events and the next pass.
type Outcome struct {
	Reason  string
	Message string
	// gist is how a message begins that tells the same in other words: ACS may put the id of a request,
	// or a time, into what it says.
	StablePrefix string
	Ready        bool
	Stalled      bool
	// quiet leaves the conditions as they are.
	Quiet bool
	// after is when to look again; zero leaves it to the resync.
	After time.Duration
	// err is given back to the work queue, which backs off.
	Err error
}

// classify is the only place that turns an error into what users see and when it is tried again.
func Classify(err error) Outcome {
	var judged Classified
	var status apierrors.APIStatus
	var call *call
	var token *acs.TokenError
	var response *azcore.ResponseError
	switch {
	case err == nil:
		return Outcome{Reason: chatv1alpha1.ReasonSucceeded, Ready: true}
	case errors.As(err, &judged):
		return judged.Outcome()
	case errors.As(err, &status):
		return ClassifyKubernetes(status, err)
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
		// The operator stops, or the API server cannot be reached: nothing to tell of ACS.
		return Outcome{Quiet: true, Err: err}
	}
}

// classifyKubernetes tells what the Kubernetes API server refuses to the operator, such as a write that an
// admission policy denies. A status can be written all the same. A conflict is a stale cache; other
// failures, and one that concerns the operator's own token, leave no status to write.
func ClassifyKubernetes(status apierrors.APIStatus, err error) Outcome {
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

// classifyForeign tells an answer that ACS did not give.
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
	// What a server in trouble says may change from pass to pass: it goes to the log, not to status.
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

// classifyTokenRefusal deals with a service user for whom ACS issues no token: what it says of the user
// says nothing of the thread.
func classifyTokenRefusal(response *azcore.ResponseError, err error) Outcome {
	o := classifyResponse(response, CallFailed("issue a token for the service user", err))
	if o.Stalled || response.StatusCode == http.StatusNotFound {
		return Outcome{Reason: chatv1alpha1.ReasonAuthenticationFailed, StablePrefix: o.StablePrefix, Message: o.Message, Stalled: true}
	}
	return o
}

// isRefused says whether ACS answered for certain that it did nothing.
func Definite(err error) bool {
	return acs.HasStatus(err, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests)
}

// attempted says what was being tried when err happened.
func Attempted(err error) string {
	if call, ok := errors.AsType[*call](err); ok {
		return call.attempt
	}
	return "answer"
}

// refusal is a sentence on an answer of ACS that is no success, and how that begins whatever else ACS says.
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
	if hint := ClockHint(err); hint != "" {
		return gist, gist + "). " + hint
	}
	if said := strings.TrimSuffix(Sanitize(strings.TrimSpace(detail.Code+" "+detail.Message), MaxMessage), "."); said != "" {
		return gist + ": " + Sanitize(detail.Code, MaxMessage), gist + ": " + said + ")."
	}
	return gist, gist + ")."
}

// unreachable is a sentence on a call without an answer.
func unreachable(err error) string { return WithoutAnswer(err) + "; the operator tries again." }

// withoutAnswer says why a call has no answer.
func WithoutAnswer(err error) string {
	return fmt.Sprintf("ACS %s when asked to %s", WhyNoAnswer(err), Attempted(err))
}

// cut makes what a server said fit for status, events and logs: one line, printable, of limited length.
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

// maxCode is how much of a code of ACS is shown, in bytes.
const MaxCode = 60

// shownWait is from which length on a wait for a quota is shown in status.
const ShownWait = 5 * time.Second

// Plural returns a count with its noun.
func Plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}
