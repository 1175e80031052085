// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
)

// noAnswer fails calls in a way that cannot be had in a test; by their context where it is zero.
type noAnswer struct{ err error }

func (n noAnswer) Do(req *http.Request) (*http.Response, error) {
	if n.err != nil {
		return nil, n.err
	}
	return nil, req.Context().Err()
}

// readThreadAt reads a thread, and returns the error as a step of a reconcile does.
func readThreadAt(ctx context.Context, t *testing.T, endpoint string, transport policy.Transporter) error {
	t.Helper()
	return fmt.Errorf("observe: %w", CallFailed("read the thread", acstest.ReadThread(ctx, t, endpoint, transport)))
}

// refusedWith returns the error of a call with this answer.
func refusedWith(t *testing.T, status int, header map[string]string, body string) error {
	t.Helper()
	return fmt.Errorf("observe: %w", CallFailed("read the thread", acstest.Refusal(t, status, header, body)))
}

// verdict is an outcome without its error, which is compared apart.
type verdict struct {
	Reason, Message       string
	Ready, Stalled, Quiet bool
	After                 time.Duration
}

func verdictOf(o Outcome) verdict {
	return verdict{Reason: o.Reason, Message: o.Message, Ready: o.Ready, Stalled: o.Stalled, Quiet: o.Quiet, After: o.After}
}

const (
	someRefusal   = `{"error":{"code":"SomeCode","message":"Some message."}}`
	limitsMessage = "ACS limits the rate of calls (429); the operator continues when it allows."
)

func refusedMessage(status int, detail string) string {
	return fmt.Sprintf("ACS refused to read the thread (%d%s).", status, detail)
}

func retriedVerdict(status int) verdict {
	return verdict{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: refusedMessage(status, ": SomeCode Some message")}
}

// troubleVerdict has no words of the server: they may differ each time, so only the log has them.
func troubleVerdict(status int) verdict {
	return verdict{Reason: chatv1alpha1.ReasonServiceUnavailable,
		Message: fmt.Sprintf("ACS is in trouble (%d) and did not read the thread; the operator tries again.", status)}
}

func stalledVerdict(reason string, status int) verdict {
	return verdict{Reason: reason, Message: refusedMessage(status, ": SomeCode Some message"), Stalled: true}
}

func throttledVerdict(after time.Duration) verdict {
	return verdict{Reason: chatv1alpha1.ReasonThrottled, Message: limitsMessage, After: after}
}

func foreignVerdict(what string) verdict {
	return verdict{Reason: chatv1alpha1.ReasonServiceUnavailable,
		Message: "Something between the operator and ACS answered " + what + " when asked to read the thread; the operator tries again."}
}

// serverTime is the time by the clock of the service.
var serverTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// answerTests are answers of the service, each with the outcome.
var answerTests = map[string]struct {
	status int
	header map[string]string
	body   string
	want   verdict
	// backsOff says that the error goes to the work queue.
	backsOff bool
}{
	"400": {status: 400, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonInvalidRequest, 400)},
	"401": {status: 401, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonAuthenticationFailed, 401)},
	"401 without a word": {status: 401, header: map[string]string{"MS-CV": "vector.0"},
		want: verdict{Reason: chatv1alpha1.ReasonAuthenticationFailed, Message: refusedMessage(401, ""), Stalled: true}},
	"foreign 401":      {status: 401, body: "<html></html>", header: map[string]string{"Content-Type": "text/html"}, want: foreignVerdict("401 text/html"), backsOff: true},
	"foreign 404":      {status: 404, header: map[string]string{"Content-Type": ""}, want: foreignVerdict("404"), backsOff: true},
	"foreign 407":      {status: 407, body: `{"title":"Proxy"}`, header: map[string]string{"Content-Type": "application/json"}, want: foreignVerdict("407 application/json"), backsOff: true},
	"403":              {status: 403, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonAccessLost, 403)},
	"404":              {status: 404, body: someRefusal, want: retriedVerdict(404), backsOff: true},
	"405":              {status: 405, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonInvalidRequest, 405)},
	"408":              {status: 408, body: someRefusal, want: retriedVerdict(408), backsOff: true},
	"409":              {status: 409, body: someRefusal, want: retriedVerdict(409), backsOff: true},
	"412":              {status: 412, body: someRefusal, want: retriedVerdict(412), backsOff: true},
	"413":              {status: 413, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonInvalidRequest, 413)},
	"415":              {status: 415, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonInvalidRequest, 415)},
	"422":              {status: 422, body: someRefusal, want: stalledVerdict(chatv1alpha1.ReasonInvalidRequest, 422)},
	"429":              {status: 429, body: someRefusal, want: throttledVerdict(10 * time.Second)},
	"429 with seconds": {status: 429, header: map[string]string{"Retry-After": "17"}, want: throttledVerdict(17 * time.Second)},
	"429 with milliseconds": {status: 429, header: map[string]string{"retry-after-ms": "1500"},
		want: throttledVerdict(1500 * time.Millisecond)},
	"429 with a date": {status: 429, want: throttledVerdict(40 * time.Second),
		header: map[string]string{"Date": serverTime.Format(http.TimeFormat), "Retry-After": serverTime.Add(40 * time.Second).Format(http.TimeFormat)}},
	"429 with a date that has passed": {status: 429, want: throttledVerdict(10 * time.Second),
		header: map[string]string{"Date": serverTime.Format(http.TimeFormat), "Retry-After": serverTime.Add(-time.Hour).Format(http.TimeFormat)}},
	"429 with no wait": {status: 429, header: map[string]string{"Retry-After": "0"}, want: throttledVerdict(10 * time.Second)},
	"429 with junk":    {status: 429, header: map[string]string{"Retry-After": "soon"}, want: throttledVerdict(10 * time.Second)},
	"429 for ever":     {status: 429, header: map[string]string{"Retry-After": "99999999999999999999"}, want: throttledVerdict(10 * time.Minute)},
	"500":              {status: 500, body: someRefusal, want: troubleVerdict(500), backsOff: true},
	"500 in HTML":      {status: 500, body: "<html>down</html>", want: troubleVerdict(500), backsOff: true},
	"502":              {status: 502, body: someRefusal, want: troubleVerdict(502), backsOff: true},
	"503":              {status: 503, body: someRefusal, want: troubleVerdict(503), backsOff: true},
	"504":              {status: 504, body: someRefusal, want: troubleVerdict(504), backsOff: true},
}

func TestClassifyAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range answerTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := refusedWith(t, c.status, c.header, c.body)
			now := time.Now()
			got := Classify(err)
			// The moment that the message names is the one at which the wait ends.
			if said, moment, ok := strings.Cut(got.Message, "continues at "); ok && got.After > ShownWait {
				end, err := time.Parse(time.RFC3339, strings.TrimSuffix(moment, "."))
				if err != nil || end.Sub(now.Add(got.After)).Abs() > 2*time.Second {
					t.Errorf("%q names another moment than in %s", got.Message, got.After)
				}
				got.Message = said + "continues when it allows."
			}
			if diff := cmp.Diff(c.want, verdictOf(got)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if backsOff := got.Err != nil; backsOff != c.backsOff || backsOff && !errors.Is(got.Err, err) {
				t.Errorf("error for the work queue: %v", got.Err)
			}
		})
	}
}

// An answer that is a success by its status and makes no sense is the service's fault, and may be
// gone with the next try.
func TestClassifyJunk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"200 with HTML":         {200, "<html>hello secret-token</html>"},
		"200 without a body":    {200, ""},
		"200 without an id":     {200, "{}"},
		"200 with half a body":  {200, `{"id":"19:thr`},
		"201 in place of a 200": {201, `{"id":"x","note":"secret-token"}`},
		"302":                   {302, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Classify(refusedWith(t, c.status, map[string]string{"Location": "https://evil.example"}, c.body))
			if got.Reason != chatv1alpha1.ReasonServiceUnavailable || got.Ready || got.Stalled || got.Quiet || got.Err == nil {
				t.Errorf("outcome %+v", got)
			}
			// Text that could be half of a token is reported nowhere.
			for _, text := range []string{got.Message, got.Err.Error()} {
				if strings.Contains(text, "secret-token") || strings.Contains(text, "evil") {
					t.Errorf("text %q", text)
				}
			}
		})
	}
}

func TestClassifyOwnErrors(t *testing.T) {
	t.Parallel()
	threads := schema.GroupResource{Group: "chat.acs-operator.io", Resource: "chatthreads"}
	wait := &Wait{Reason: chatv1alpha1.ReasonWaitingForQuota, Message: "Wait.", After: 3 * time.Second}
	stalled := &Stalled{chatv1alpha1.ReasonThreadGone, "Gone."}
	waiting := verdict{Reason: chatv1alpha1.ReasonWaitingForQuota, Message: "Wait.", After: 3 * time.Second}
	stuck := verdict{Reason: chatv1alpha1.ReasonThreadGone, Message: "Gone.", Stalled: true}
	conflict := apierrors.NewConflict(threads, "a", errors.New("the object has been modified"))
	forbidden := apierrors.NewForbidden(threads, "a", errors.New("the label team is required"))
	invalid := apierrors.NewInvalid(chatv1alpha1.GroupVersion.WithKind("ChatThread").GroupKind(), "a", nil)
	denied := func(said string) verdict {
		return verdict{Reason: chatv1alpha1.ReasonPermissionDenied, Stalled: true, After: deniedInterval,
			Message: "The Kubernetes API server refused a request of the operator: " + said + "."}
	}
	for name, c := range map[string]struct {
		err      error
		want     verdict
		backsOff bool
	}{
		"nothing":                 {nil, verdict{Reason: chatv1alpha1.ReasonSucceeded, Ready: true}, false},
		"wait":                    {wait, waiting, false},
		"wait, wrapped":           {fmt.Errorf("step: %w", fmt.Errorf("inner: %w", wait)), waiting, false},
		"wait, joined":            {errors.Join(nil, wait), waiting, false},
		"wait for another":        {&Wait{Reason: "R", Message: "M"}, verdict{Reason: "R", Message: "M"}, false},
		"wait and report nothing": {&Wait{Quiet: true, After: time.Second}, verdict{Quiet: true, After: time.Second}, false},
		"wait on an API error":    {errors.Join(wait, conflict), waiting, false},
		"stalled":                 {stalled, stuck, false},
		"stalled, wrapped":        {fmt.Errorf("step: %w", stalled), stuck, false},
		"conflict":                {conflict, verdict{Quiet: true, After: 100 * time.Millisecond}, false},
		"conflict, wrapped":       {fmt.Errorf("add finalizer: %w", conflict), verdict{Quiet: true, After: 100 * time.Millisecond}, false},
		"API server fails":        {apierrors.NewInternalError(errors.New("etcd")), verdict{Quiet: true}, true},
		"API server throttles":    {fmt.Errorf("patch status: %w", apierrors.NewTooManyRequests("slow down", 7)), verdict{Quiet: true}, true},
		"API server forbids":      {fmt.Errorf("add finalizer: %w", forbidden), denied(fmt.Sprintf("add finalizer: %v", forbidden)), false},
		"API server: not valid":   {invalid, denied(invalid.Error()), false},
		"API server: no identity": {apierrors.NewUnauthorized("no token"), verdict{Quiet: true}, true},
		"API server is shut off":  {apierrors.NewServiceUnavailable("down"), verdict{Quiet: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Classify(c.err)
			if diff := cmp.Diff(c.want, verdictOf(got)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if backsOff := got.Err != nil; backsOff != c.backsOff || backsOff && !errors.Is(got.Err, c.err) {
				t.Errorf("error for the work queue: %v", got.Err)
			}
		})
	}
}

// A server that is overloaded says when to come back, with a 503 as with a 429.
func TestClassifyObeysRetryAfter(t *testing.T) {
	t.Parallel()
	got := Classify(refusedWith(t, http.StatusServiceUnavailable, map[string]string{"Retry-After": "120"}, ""))
	if got.Reason != chatv1alpha1.ReasonServiceUnavailable || got.After != 2*time.Minute || got.Err != nil {
		t.Errorf("outcome %+v", got)
	}
}

func TestIsRefused(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{
		200: false, 201: false, 302: false, 400: true, 401: true, 403: true, 404: true, 408: false, 409: false, 412: false,
		413: true, 415: true, 422: true, 429: true, 500: false, 502: false, 503: false, 504: false,
	} {
		err := fmt.Errorf("create: %w", &azcore.ResponseError{StatusCode: status})
		if got := Definite(err); got != want {
			t.Errorf("%d: refused for certain %v, want %v", status, got, want)
		}
	}
	if Definite(context.DeadlineExceeded) || Definite(nil) {
		t.Error("a call without an answer counts as refused")
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	if err := CallFailed("read the thread", nil); err != nil {
		t.Errorf("a call that succeeded: %v", err)
	}
	inner := &azcore.ResponseError{StatusCode: http.StatusNotFound}
	err := CallFailed("read the thread", inner)
	if !errors.Is(err, inner) || !acs.HasStatus(err, http.StatusNotFound) {
		t.Errorf("%v hides the error that it wraps", err)
	}
	if got := Attempted(fmt.Errorf("step: %w", err)); got != "read the thread" {
		t.Errorf("attempted %q", got)
	}
}
