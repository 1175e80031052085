// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// A controller forgets after each pass without an error. Only the end of the trouble counts.
func TestBackoffOutlastsWaits(t *testing.T) {
	t.Parallel()
	b := objects.NewBackoff()
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: "b"}}
	for _, want := range []int{1, 2, 4, 8, 16, 30, 30} {
		if got := b.When(request); int(got.Seconds()) != want {
			t.Errorf("waits %s, want %ds", got, want)
		}
		b.Forget(request)
	}
	b.End(request.NamespacedName)
	if got := b.When(request); got != objects.FirstBackoff {
		t.Errorf("waits %s after a success, want %s", got, objects.FirstBackoff)
	}
}

// A try that has no room ends the call with what the one before brought, which is backed off from.
func TestPacingOfRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit, tries int
	}{"room for both": {2, 2}, "room for one": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				found := &connection.Connection{Gate: &connection.Breaker{}, Pacer: pacing.New(true)}
				found.Pacer.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassReadThread: {{Limit: c.limit, Window: pacing.ShortWindow}}})
				tries := 0
				transport := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					tries++
					return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
				})}
				chat, err := acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential("token"),
					connection.ClientOptions(transport, time.Second, found, found.Pacer.Policy("user")))
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
