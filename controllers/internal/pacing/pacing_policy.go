// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// policy paces the calls of one service user. As it stands in the pipeline behind the retries, each
// try takes a slot of its own.
func (p *Pacer) Policy(user string) policy.Policy {
	return &pacingPolicy{pacer: p, user: acs.UserKey(user)}
}

type pacingPolicy struct {
	pacer *Pacer
	user  string
}

func (p *pacingPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	operation, _ := ctx.Value(runtime.CtxAPINameKey{}).(string)
	class, counted := operationClasses[operation]
	if !counted || !p.pacer.enabled {
		return req.Next()
	}
	who, _ := ctx.Value(callerKey{}).(Caller)
	all := Keys(class, p.user, threadInPath(req.Raw().URL))
	before, _ := ctx.Value(tryKey{}).(*earlierTry)
	if ctx.Value(unpacedKey{}) != nil {
		p.pacer.takeAtOnce(who, all)
		return p.send(req, who, all, before)
	}
	if err := p.pacer.Take(who, class, all); err != nil {
		// A try that failed is told of, and backed off from. To wait for room would hide it.
		if before != nil && before.failed {
			p.pacer.Release(who.Thread)
			return before.resp, before.err
		}
		quotaWaits.WithLabelValues(operation).Inc()
		return nil, err
	}
	return p.send(req, who, all, before)
}

// send makes a try of a call that has a slot.
func (p *pacingPolicy) send(req *policy.Request, who Caller, all []BucketKey, before *earlierTry) (*http.Response, error) {
	resp, err := req.Next()
	asked := p.pacer.Answered(who, all, resp)
	if before != nil {
		*before = earlierTry{resp: resp, err: err, failed: err != nil || slices.Contains(RetriedStatuses, resp.StatusCode)}
	}
	// Every call that waits for the same limit shows the same moment.
	if now := time.Now(); asked.Until.After(now) {
		wait := asked.Wait(now)
		wait.Err = runtime.NewResponseError(resp)
		return nil, wait
	}
	return resp, err
}

type unpacedKey struct{}

// withoutPacing has the calls that are made with the context sent at once, whether or not a quota has room.
// They count all the same.
func WithoutPacing(ctx context.Context) context.Context {
	return context.WithValue(ctx, unpacedKey{}, true)
}

type tryKey struct{}

// earlierTry is what the last try of a call brought.
type earlierTry struct {
	resp *http.Response
	err  error
	// failed says that azcore tries again.
	failed bool
}

// callPolicy lets the tries of a call know of each other.
type CallPolicy struct{}

func (CallPolicy) Do(req *policy.Request) (*http.Response, error) {
	return req.WithContext(context.WithValue(req.Raw().Context(), tryKey{}, &earlierTry{})).Next()
}

// threadInPath is the thread that a call is about, if it is about one.
func threadInPath(u *url.URL) string {
	rest, found := strings.CutPrefix(u.Path, "/chat/threads/")
	if !found {
		return ""
	}
	thread, _, _ := strings.Cut(rest, "/")
	return thread
}

// waitForQuota is the end of a pass that has no room for a call. Its message names a moment that does
// not change from pass to pass. A short wait is not worth a write, and that of a look for drift says
// nothing of the thread.
func waitForQuota(class QuotaClass, now, at time.Time, quiet bool) error {
	return &outcome.Wait{Reason: chatv1alpha1.ReasonWaitingForQuota, After: at.Sub(now), Quiet: quiet,
		Message: fmt.Sprintf("The quota of ACS (%s) has room again at %s.", class, outcome.ShownTime(at))}
}

// retriedStatuses are answers after which a call is tried again at once.
var RetriedStatuses = []int{
	http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}
