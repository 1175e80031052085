// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// firstCreation and lastCreation bound the wait after the creation of a service user went without an answer.
	// Each such try may leave a user behind that nothing can find.
	firstCreation = 5 * time.Second
	LastCreation  = time.Hour
	// creationGrowth is by how much the wait grows from one to the next.
	creationGrowth = 3
)

// userCreation holds back the next try to create a service user.
type userCreation struct {
	// losses counts tries in a row that had no answer.
	losses int
	// until is when to try again, and why what is told until then.
	until time.Time
	why   outcome.Wait
}

// createUser creates a service user, or takes one that an earlier pass created and could not store. Unlike
// other calls this one is sent once: ACS has no request id for it, so that each try makes another user.
func (s *Registry) CreateUser(ctx context.Context, found *Connection) (acs.CreateUserResponse, error) {
	if spare, ok := found.TakeSpare(); ok {
		return spare, nil
	}
	if err := found.CreationHeld(); err != nil {
		return acs.CreateUserResponse{}, err
	}
	once := policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: s.Timeout})
	counted, tries := CountTries(once)
	user, err := found.IdentityClient().CreateUser(counted, &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
	return user, found.creationTried(ctx, tries.Load() > 0, outcome.CallFailed("create a service user", err))
}

// creationHeld says that it is not time yet to try again.
func (s *Connection) CreationHeld() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := time.Until(s.creation.until)
	if wait <= 0 {
		return nil
	}
	held := s.creation.why
	held.After = wait
	return &held
}

// creationTried takes in what a try brought.
func (s *Connection) creationTried(ctx context.Context, sent bool, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case acs.HasStatus(err, http.StatusTooManyRequests):
		asked := outcome.Throttle{Until: now.Add(outcome.RetryAfter(err)), Again: s.creation.why.Reason == chatv1alpha1.ReasonThrottled}
		s.creation = userCreation{until: asked.Until, why: *asked.Wait(now)}
	case err == nil, outcome.Definite(err), acs.IsForeign(err), acs.HasStatus(err, http.StatusServiceUnavailable):
		s.creation = userCreation{}
		return err
	case !sent || outcome.IsUnsent(err):
		return err
	default:
		s.creation = s.creation.lost(err, now)
		if errors.Is(err, context.Canceled) {
			return err
		}
		ctrl.LoggerFrom(ctx).Info("Lost the answer to the creation of a service user", "error", err.Error())
	}
	held := s.creation.why
	held.After = s.creation.until.Sub(now)
	return &held
}

// lost is the state after a try without an answer.
func (c userCreation) lost(err error, now time.Time) userCreation {
	wait := firstCreation
	for range c.losses {
		wait = min(wait*creationGrowth, LastCreation)
	}
	return userCreation{losses: c.losses + 1, until: now.Add(wait), why: outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable,
		Message: noUser(err) + " A service user may have been made that nobody uses, so the operator tries again ever more seldom, up to an hour apart; the annotation " +
			chatv1alpha1.AnnotationReconcileRequestedAt + " has it try now."}}
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
