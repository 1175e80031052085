// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// Policy paces the calls of one service user. It stands in the pipeline behind the retries, so each
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
	of, counted := operationClasses[operation]
	if !counted || !p.pacer.enabled {
		return req.Next()
	}
	who := CallerOf(ctx)
	pl, err := p.pacer.take(who, keyFor(of, p.user, threadInPath(req.Raw().URL)), IsWithoutPacing(ctx))
	if err == nil {
		return p.send(req, pl)
	}
	// A try that failed is shown, and backed off from. A wait for room would hide it.
	if before, _ := ctx.Value(attemptsKey{}).(*Attempts); before.hasFailed() {
		p.pacer.Release(who.Thread)
		return before.resp, before.err
	}
	quotaWaits.WithLabelValues(operation).Inc()
	return nil, err
}

// send makes a try of a call that has a slot. The slot counts even if the try panics.
func (p *pacingPolicy) send(req *policy.Request, pl *place) (resp *http.Response, err error) {
	defer func() {
		// Every call that waits for the same limit shows the same moment.
		if wait := p.pacer.answered(pl, resp); wait != nil {
			resp, err = nil, wait
		}
	}()
	return req.Next()
}

type unpacedKey struct{}

// WithoutPacing returns a context whose calls are sent at once, whether or not a quota has room.
// They count all the same.
func WithoutPacing(ctx context.Context) context.Context {
	return context.WithValue(ctx, unpacedKey{}, true)
}

// IsWithoutPacing reports whether a call is to be sent at once.
func IsWithoutPacing(ctx context.Context) bool { return ctx.Value(unpacedKey{}) != nil }
