// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// issuer issues tokens t1, t2, … in a bubble of testing/synctest.
type issuer struct {
	life time.Duration
	took time.Duration
	err  error

	mu       sync.Mutex
	issued   int
	canceled int
}

func (i *issuer) refresh(ctx context.Context) (acs.AccessToken, error) {
	select {
	case <-time.After(i.took):
	case <-ctx.Done():
		i.mu.Lock()
		defer i.mu.Unlock()
		i.canceled++
		return acs.AccessToken{}, ctx.Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued++
	if i.err != nil {
		return acs.AccessToken{}, i.err
	}
	return acs.AccessToken{Token: acs.NewSecret(fmt.Sprint("t", i.issued)), ExpiresOn: time.Now().Add(i.life)}, nil
}

func wantToken(t *testing.T, credential *acs.UserCredential, want string) {
	t.Helper()
	got, err := credential.Token(t.Context())
	if err != nil || got.Token.Reveal() != want {
		t.Errorf("token is %q, %v, want %q", got.Token.Reveal(), err, want)
	}
}

// wait lets time pass in the bubble.
func wait(d time.Duration) { <-time.After(d) }

func TestTokenIsRenewedInTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ life, renewed time.Duration }{
		"10 minutes before the end": {24 * time.Hour, 24*time.Hour - 10*time.Minute},
		"just long enough":          {20 * time.Minute, 10 * time.Minute},
		"half a short life":         {6 * time.Minute, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tokens := &issuer{life: test.life}
				credential := acs.NewUserCredential(tokens.refresh, nil)
				wantToken(t, credential, "t1")
				wait(test.renewed - time.Second)
				wantToken(t, credential, "t1")
				wait(time.Second)
				wantToken(t, credential, "t2")
				wantToken(t, credential, "t2")
			})
		})
	}
}

func TestTokenToBeginWith(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := acs.AccessToken{Token: acs.NewSecret("first"), ExpiresOn: time.Now().Add(time.Hour)}
		tokens := &issuer{life: time.Hour}
		credential := acs.NewUserCredential(tokens.refresh, &acs.UserCredentialOptions{Token: &first})
		wantToken(t, credential, "first")
		wait(50 * time.Minute)
		wantToken(t, credential, "t1")

		credential = acs.NewUserCredential(tokens.refresh, &acs.UserCredentialOptions{Token: &first})
		wait(20 * time.Minute)
		wantToken(t, credential, "t2")
		wantToken(t, acs.NewUserCredential(tokens.refresh, &acs.UserCredentialOptions{Token: &first}), "t3")
		wantToken(t, acs.NewUserCredential(tokens.refresh, &acs.UserCredentialOptions{Token: &acs.AccessToken{}}), "t4")
	})
}

func TestManyWaitersShareOneRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := &issuer{life: time.Hour, took: time.Second}
		credential := acs.NewUserCredential(tokens.refresh, nil)
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { wantToken(t, credential, "t1") })
		}
		group.Wait()
		if tokens.issued != 1 {
			t.Errorf("%d tokens were issued, want 1", tokens.issued)
		}
	})
}

func TestFailureIsSharedAndNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := &issuer{life: time.Hour, took: time.Second, err: errors.New("no")}
		credential := acs.NewUserCredential(tokens.refresh, nil)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if _, err := credential.Token(t.Context()); !errors.Is(err, tokens.err) {
					t.Errorf("error is %v, want %v", err, tokens.err)
				}
			})
		}
		group.Wait()
		if tokens.issued != 1 {
			t.Errorf("%d tokens were asked for, want 1", tokens.issued)
		}
		tokens.err = nil
		wantToken(t, credential, "t2")
	})
}

func TestValidTokenOutlivesFailingRenewals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := &issuer{life: time.Hour}
		credential := acs.NewUserCredential(tokens.refresh, nil)
		wantToken(t, credential, "t1")
		wait(50 * time.Minute)
		tokens.err = errors.New("no")
		wantToken(t, credential, "t1")
		wantToken(t, credential, "t1")
		if tokens.issued != 2 {
			t.Errorf("%d renewals, want one that failed and then a pause", tokens.issued-1)
		}
		wait(30 * time.Second)
		wantToken(t, credential, "t1")
		if tokens.issued != 3 {
			t.Errorf("%d renewals, want another one after the pause", tokens.issued-1)
		}
		wait(9*time.Minute + 20*time.Second) // 10 s before the end
		wantToken(t, credential, "t1")
		wait(10 * time.Second)
		if _, err := credential.Token(t.Context()); !errors.Is(err, tokens.err) {
			t.Errorf("error is %v after the end, want %v", err, tokens.err)
		}
		tokens.err = nil
		wantToken(t, credential, fmt.Sprint("t", tokens.issued+1))
	})
}

func TestUselessTokensAreErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, token := range map[string]acs.AccessToken{
			"expired":   {Token: acs.NewSecret("t"), ExpiresOn: time.Now()},
			"no expiry": {Token: acs.NewSecret("t")},
			"empty":     {ExpiresOn: time.Now().Add(time.Hour)},
		} {
			credential := acs.NewUserCredential(func(context.Context) (acs.AccessToken, error) { return token, nil }, nil)
			if got, err := credential.Token(t.Context()); err == nil {
				t.Errorf("%s: token is %v", name, got)
			}
		}
		if _, err := acs.NewUserCredential(nil, nil).Token(t.Context()); err == nil {
			t.Error("a credential of nothing has a token")
		}
	})
}

func TestWaiterLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := &issuer{life: time.Hour, took: time.Minute}
		credential := acs.NewUserCredential(tokens.refresh, nil)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := credential.Token(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error is %v, want that of the waiter's context", err)
			}
		})
		group.Go(func() {
			wait(500 * time.Millisecond)
			wantToken(t, credential, "t1")
		})
		group.Wait()
		if tokens.issued != 1 || tokens.canceled != 0 {
			t.Errorf("%d tokens were issued, %d calls canceled, want 1 and 0", tokens.issued, tokens.canceled)
		}
	})
}

func TestLastWaiterLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := &issuer{life: time.Hour, took: time.Minute}
		credential := acs.NewUserCredential(tokens.refresh, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := credential.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		// The next caller must not get the call that was just canceled.
		wantToken(t, credential, "t1")
		synctest.Wait()
		if tokens.canceled != 1 {
			t.Errorf("%d calls were canceled, want 1", tokens.canceled)
		}
	})
}

func TestInvalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := &issuer{life: time.Hour}
		credential := acs.NewUserCredential(tokens.refresh, nil)
		wantToken(t, credential, "t1")
		credential.Invalidate(acs.AccessToken{Token: acs.NewSecret("another")})
		wantToken(t, credential, "t1")
		credential.Invalidate(acs.AccessToken{Token: acs.NewSecret("t1")})
		wantToken(t, credential, "t2")
		credential.Invalidate(acs.AccessToken{Token: acs.NewSecret("t1")})
		wantToken(t, credential, "t2")
		credential.Invalidate(acs.AccessToken{Token: acs.NewSecret("t2")})
		tokens.err = errors.New("no")
		if got, err := credential.Token(t.Context()); !errors.Is(err, tokens.err) {
			t.Errorf("token is %v, %v, though it was refused", got, err)
		}
	})
}

func TestStaticCredential(t *testing.T) {
	t.Parallel()
	credential := acs.NewStaticUserCredential("t")
	wantToken(t, credential, "t")
	credential.Invalidate(acs.AccessToken{Token: acs.NewSecret("t")})
	wantToken(t, credential, "t")
}
