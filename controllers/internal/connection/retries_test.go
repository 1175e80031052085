// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// A try that has no room ends the call with what the one before brought, which is backed off from.
func TestPacingOfRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit, tries int
	}{"room for both": {2, 2}, "room for one": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				found := &Connection{Gate: &Breaker{}, Pacer: pacing.New(true)}
				found.Pacer.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassReadThread: {{Limit: c.limit, Window: pacing.ShortWindow}}})
				tries := 0
				transport := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					tries++
					return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
				})}
				chat, err := acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential("token"),
					ClientOptions(transport, time.Second, found, found.Pacer.Policy("user")))
				if err != nil {
					t.Fatal(err)
				}
				ctx := pacing.WithCaller(t.Context(), pacing.Caller{Thread: "a"})
				if _, err = chat.ThreadClient("19:a").GetProperties(ctx, nil); !acs.HasStatus(err, http.StatusServiceUnavailable) || tries != c.tries {
					t.Errorf("%d tries, error %v", tries, err)
				}
				wait, ok := errors.AsType[*outcome.Wait](found.Pacer.Take(pacing.Caller{Thread: "b"}, pacing.ClassReadThread, pacing.Keys(pacing.ClassReadThread, "user", "")))
				if !ok || wait.After > pacing.ShortWindow {
					t.Errorf("the next waits %v: a slot is held for nobody", wait)
				}
			})
		})
	}
}
