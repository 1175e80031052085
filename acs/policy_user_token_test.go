// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// accept answers 204 to requests with one of the tokens, and 401 to others.
func accept(tokens ...string) func(int, *http.Request) reply {
	return func(_ int, r *http.Request) reply {
		for _, token := range tokens {
			if r.Header.Get("Authorization") == "Bearer "+token {
				return reply{status: 204}
			}
		}
		return reply{status: 401}
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		good     string
		requests int
		ok       bool
	}{
		"the new one is good":   {"t2", 2, true},
		"the new one is no use": {"t9", 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serveFunc(t, accept(test.good))
			tokens := &issuer{life: time.Hour}
			chat := service.chatOf(t, acs.NewUserCredential(tokens.refresh, nil))
			_, err := chat.ThreadClient(threadID).UpdateProperties(t.Context(), &acs.UpdateThreadPropertiesOptions{Topic: new("x")})
			if (err == nil) != test.ok || err != nil && !acs.HasStatus(err, 401) {
				t.Errorf("error is %v", err)
			}
			got := service.received()
			if len(got) != test.requests || tokens.issued != 2 {
				t.Fatalf("%d requests and %d tokens, want %d and 2", len(got), tokens.issued, test.requests)
			}
			for _, try := range got {
				if try.body != `{"topic":"x"}` {
					t.Errorf("a try has the body %q", try.body)
				}
			}
			if err != nil {
				checkNoCredential(t, err, "t1", "t2")
			}
		})
	}
}

func TestRefusedTokenIsRenewedOncePerCall(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 401}, reply{status: 503}, reply{status: 401})
	tokens := &issuer{life: time.Hour}
	chat := service.chatOf(t, acs.NewUserCredential(tokens.refresh, nil))
	if _, err := chat.DeleteThread(t.Context(), threadID, nil); !acs.HasStatus(err, 401) {
		t.Errorf("error is %v, want a 401", err)
	}
	if got := len(service.received()); got != 3 || tokens.issued != 2 {
		t.Errorf("%d requests and %d tokens, want 3 and 2", got, tokens.issued)
	}
}

func TestStaticTokenIsNotSentTwice(t *testing.T) {
	t.Parallel()
	service := serveFunc(t, accept("another"))
	if _, err := service.chat(t).DeleteThread(t.Context(), threadID, nil); !acs.HasStatus(err, 401) {
		t.Errorf("error is %v, want a 401", err)
	}
	service.only(t)
}

func TestNoTokenNoCall(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 204})
	tokens := &issuer{err: errors.New("no")}
	chat := service.chatOf(t, acs.NewUserCredential(tokens.refresh, nil))
	if _, err := chat.DeleteThread(t.Context(), threadID, nil); !errors.Is(err, tokens.err) {
		t.Errorf("error is %v, want %v", err, tokens.err)
	}
	if got := service.received(); len(got) != 0 || tokens.issued != 1 {
		t.Errorf("the service received %+v, and %d tokens were asked for, want none and 1", got, tokens.issued)
	}
}

func TestNoOtherTokenAfterARefusal(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	calls := 0
	credential := acs.NewUserCredential(func(context.Context) (acs.AccessToken, error) {
		if calls++; calls > 1 {
			return acs.AccessToken{}, no
		}
		return acs.AccessToken{Token: acs.NewSecret("t1"), ExpiresOn: time.Now().Add(time.Hour)}, nil
	}, nil)
	service := serve(t, reply{status: 401})
	if _, err := service.chatOf(t, credential).DeleteThread(t.Context(), threadID, nil); !errors.Is(err, no) {
		t.Errorf("error is %v, want %v", err, no)
	}
	service.only(t)
}

// TestRefusedRenewalIsNoAnswer checks that a 404 of the Identity service is not reported as that of
// a thread.
func TestRefusedRenewalIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 429} {
		identity := serve(t, reply{status: status, body: `{"error":{"code":"Why"}}`, header: map[string]string{"Retry-After": "7"}})
		issuer := identity.identity(t)
		service := serve(t, reply{status: 204})
		chat := service.chatOf(t, acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
			issued, err := issuer.IssueToken(ctx, alice, []acs.TokenScope{acs.ScopeChat}, nil)
			return issued.AccessToken, err
		}, nil))
		_, err := chat.DeleteThread(t.Context(), threadID, nil)
		if _, ok := errors.AsType[*acs.TokenError](err); !ok {
			t.Errorf("error for %d is %v, want one about the token", status, err)
		}
		counts := status == http.StatusUnauthorized
		if acs.HasStatus(err, status) != counts || acs.HasCode(err, "Why") != counts {
			t.Errorf("a %d counts as the answer to the call: %t, want %t", status, !counts, counts)
		}
		if detail, ok := acs.Detail(err); !ok || detail.Code != "Why" {
			t.Errorf("detail is %+v, %t", detail, ok)
		}
		if wait, ok := acs.RetryAfter(err); !ok || wait != 7*time.Second {
			t.Errorf("time to retry is %s, %t", wait, ok)
		}
		checkNoCredential(t, err)
		if got := service.received(); len(got) != 0 {
			t.Errorf("the service received %+v", got)
		}
	}
}

func TestManyCallsShareOneRenewal(t *testing.T) {
	t.Parallel()
	service := serveFunc(t, accept("t2"))
	tokens := &issuer{life: time.Hour}
	chat := service.chatOf(t, acs.NewUserCredential(tokens.refresh, nil))
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := chat.DeleteThread(t.Context(), threadID, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if tokens.issued != 2 {
		t.Errorf("%d tokens were issued, want 2", tokens.issued)
	}
}
