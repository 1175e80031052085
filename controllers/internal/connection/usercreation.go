// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

const (
	// firstCreation and LastCreation bound the wait after the creation of a service user went
	// without an answer. Each such try may leave a user behind that nothing can find.
	firstCreation = 5 * time.Second
	// LastCreation is the longest such wait.
	LastCreation = time.Hour
	// creationGrowth is by how much the wait grows from one to the next.
	creationGrowth = 3
)

// userCreation holds back the next try to create a service user, and keeps users that were created
// and could not be stored yet.
type userCreation struct {
	mu     sync.Mutex
	wait   creationWait
	spares []acs.CreateUserResponse
}

// creationWait is when a service user may be created next.
type creationWait struct {
	// losses counts tries in a row that had no answer.
	losses int
	// until is when to try again, and why is the wait that is reported until then.
	until time.Time
	why   outcome.Wait
}

// CreateUser creates a service user, or takes one that an earlier reconcile created and could not
// store. Unlike other calls this one is sent once: ACS has no request id for it, so that each try
// creates another user.
func (r *Registry) CreateUser(ctx context.Context, found *Connection) (acs.CreateUserResponse, error) {
	if spare, ok := found.creation.takeSpare(); ok {
		return spare, nil
	}
	if err := found.creation.held(); err != nil {
		return acs.CreateUserResponse{}, err
	}
	once := policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: r.Timeout})
	counted, attempts := pacing.WithAttempts(once)
	user, err := found.IdentityClient().CreateUser(counted, &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
	return user, found.creation.tried(ctx, attempts.Count > 0, outcome.CallFailed("create a service user", err))
}

// KeepSpare keeps a service user that was created and could not be stored.
func (c *Connection) KeepSpare(user acs.CreateUserResponse) { c.creation.keepSpare(user) }

func (u *userCreation) keepSpare(user acs.CreateUserResponse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.spares = append(u.spares, user)
}

func (u *userCreation) takeSpare() (acs.CreateUserResponse, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.spares) == 0 {
		return acs.CreateUserResponse{}, false
	}
	spare := u.spares[0]
	u.spares = u.spares[1:]
	return spare, true
}

// dropSpares drops users of another endpoint.
func (u *userCreation) dropSpares() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.spares = nil
}

// tryAgain ends the wait.
func (u *userCreation) tryAgain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wait = creationWait{}
}

// held returns the wait until the next try, or nil.
func (u *userCreation) held() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	wait := time.Until(u.wait.until)
	if wait <= 0 {
		return nil
	}
	held := u.wait.why
	held.After = wait
	return &held
}

// tried stores the result of a try.
func (u *userCreation) tried(ctx context.Context, sent bool, err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	switch {
	case acs.HasStatus(err, http.StatusTooManyRequests):
		asked := outcome.Throttle{Until: now.Add(outcome.RetryAfter(err)), Again: u.wait.why.Reason == chatv1alpha1.ReasonThrottled}
		u.wait = creationWait{until: asked.Until, why: *asked.Wait(now)}
	case err == nil, outcome.Definite(err), acs.IsForeign(err), acs.HasStatus(err, http.StatusServiceUnavailable):
		u.wait = creationWait{}
		return err
	case !sent || reach.IsUnsent(err):
		return err
	default:
		u.wait = u.wait.lost(err, now)
		if errors.Is(err, context.Canceled) {
			return err
		}
		ctrl.LoggerFrom(ctx).Info("Lost the answer to the creation of a service user", "error", err.Error())
	}
	held := u.wait.why
	held.After = u.wait.until.Sub(now)
	return &held
}

// lost returns the wait after a try without an answer.
func (w creationWait) lost(err error, now time.Time) creationWait {
	wait := firstCreation
	for range w.losses {
		wait = min(wait*creationGrowth, LastCreation)
	}
	return creationWait{losses: w.losses + 1, until: now.Add(wait), why: outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable,
		Message: noUser(err) + " A service user may have been made that nobody uses, so the operator tries again ever more seldom, " +
			"up to an hour apart; the annotation " + chatv1alpha1.AnnotationReconcileRequestedAt + " has it try now."}}
}

// noUser says why nobody knows whether there is another service user.
func noUser(err error) string {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	switch {
	case !ok:
		return outcome.WithoutAnswer(err) + "."
	case response.StatusCode < http.StatusBadRequest:
		return fmt.Sprintf("ACS gave an answer (%d) that is not understood when asked to create a service user.", response.StatusCode)
	default:
		return fmt.Sprintf("ACS is in trouble (%d) and did not create a service user, or did not say so.", response.StatusCode)
	}
}
