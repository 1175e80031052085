// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// TokenError reports that a call to the Chat service was not made, or not repeated after a 401,
// because its [UserCredential] had no token for it. It wraps the cause: often an
// [*azcore.ResponseError] of the Identity service, which is not a response to the call itself. See
// [HasStatus].
type TokenError struct {
	Err error
}

// Error returns the cause of the missing token.
func (e *TokenError) Error() string { return "get user token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

const (
	// renewBefore is the time before its expiry at which a token is renewed, if it lives twice as
	// long.
	renewBefore = 10 * time.Minute
	// renewPause prevents a failing renewal from slowing down each call while the token is valid.
	renewPause = 30 * time.Second
)

// UserCredential holds the token with which a user calls the Chat service, and renews it in time.
// It is safe for concurrent use, and clients can share it.
type UserCredential struct {
	refresh func(context.Context) (AccessToken, error) // nil: the token is never renewed

	mu      sync.Mutex
	token   AccessToken
	renewAt time.Time
	renewal *renewal // the one in progress
}

// renewal is a call of refresh that any number of callers wait for. token and err may be read
// once done is closed.
type renewal struct {
	cancel  context.CancelFunc
	waiters int // guarded by the credential's mutex
	done    chan struct{}
	token   AccessToken
	err     error
}

// UserCredentialOptions are the options of [NewUserCredential].
type UserCredentialOptions struct {
	// Token is a first token, if there is one, such as from CreateUser.
	Token *AccessToken
}

// NewUserCredential returns a credential that calls refresh for a new token: at the first use, 10
// minutes before the token expires (or at half its life, if that leaves less), and when the service
// refuses the token. Usually refresh calls [IdentityClient.IssueToken].
//
// Concurrent callers share one call of refresh. Its context belongs to none of them: it is canceled
// when the last one stops waiting.
func NewUserCredential(refresh func(context.Context) (AccessToken, error), options *UserCredentialOptions) *UserCredential {
	c := &UserCredential{refresh: refresh}
	if options != nil && options.Token != nil {
		c.store(*options.Token, time.Now())
	}
	return c
}

// NewStaticUserCredential returns a credential with one token that is never renewed. After its
// expiry, calls fail with 401.
func NewStaticUserCredential(token string) *UserCredential {
	return &UserCredential{token: AccessToken{Token: NewSecret(token)}}
}

// Token returns a token, and renews it first if necessary. If the renewal fails while the old token
// is still valid, it returns the old one, and tries again after 30 seconds at the earliest. It
// returns an error if refresh fails, if the new token is empty or already expired, or if ctx ends.
// The token of a static credential has no ExpiresOn.
func (c *UserCredential) Token(ctx context.Context) (AccessToken, error) {
	c.mu.Lock()
	if c.refresh == nil || time.Now().Before(c.renewAt) {
		defer c.mu.Unlock()
		if c.token.Token == (Secret{}) {
			return AccessToken{}, errors.New("user credential has no token and no way to get one")
		}
		return c.token, nil
	}
	r := c.join()
	c.mu.Unlock()

	select {
	case <-r.done:
		return r.token, r.err
	case <-ctx.Done():
		c.leave(r)
		return AccessToken{}, ctx.Err()
	}
}

// Invalidate removes a token that the service refused. It does nothing if the credential already
// holds another one, or is static.
func (c *UserCredential) Invalidate(token AccessToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refresh != nil && c.token.Token == token.Token {
		c.token, c.renewAt = AccessToken{}, time.Time{}
	}
}

func (c *UserCredential) store(token AccessToken, now time.Time) {
	c.token = token
	c.renewAt = token.ExpiresOn.Add(-min(renewBefore, token.ExpiresOn.Sub(now)/2))
}

// join makes the caller a waiter of the renewal in progress; the first one starts it.
func (c *UserCredential) join() *renewal {
	if c.renewal == nil {
		// The context has none of the waiter's values: the call belongs to no single waiter, and
		// azcore stores options of single calls in a context.
		ctx, cancel := context.WithCancel(context.Background())
		c.renewal = &renewal{cancel: cancel, done: make(chan struct{})}
		go c.renew(ctx, c.renewal)
	}
	c.renewal.waiters++
	return c.renewal
}

// leave cancels a renewal that has no waiters left. The next caller starts another one.
func (c *UserCredential) leave(r *renewal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.waiters--
	if r.waiters > 0 {
		return
	}
	r.cancel()
	if c.renewal == r {
		c.renewal = nil
	}
}

func (c *UserCredential) renew(ctx context.Context, r *renewal) {
	defer r.cancel()
	token, err := c.refresh(ctx)
	now := time.Now()
	if err == nil {
		err = checkToken(token, now)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(r.done)
	if c.renewal != r {
		r.err = context.Canceled // all waiters have left; nobody reads it
		return
	}
	c.renewal = nil
	switch {
	case err == nil:
		c.store(token, now)
		r.token = token
	case now.Before(c.token.ExpiresOn):
		c.renewAt = now.Add(min(renewPause, c.token.ExpiresOn.Sub(now)))
		r.token = c.token
	default:
		r.err = fmt.Errorf("renew user token: %w", err)
	}
}

func checkToken(token AccessToken, now time.Time) error {
	if token.Token == (Secret{}) {
		return errors.New("the new token is empty")
	}
	if !now.Before(token.ExpiresOn) {
		return fmt.Errorf("the new token expired on %s", token.ExpiresOn.UTC().Format(time.RFC3339))
	}
	return nil
}
