// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package acstest makes the errors that tests need: those of real calls of the client to servers
// that answer as the test asks for. It does not depend on the operator, so that each package can
// use it.
package acstest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// Chat returns a client that tries each call once.
func Chat(t *testing.T, endpoint string, transport policy.Transporter) *acs.ChatClient {
	t.Helper()
	chat, err := acs.NewChatClient(endpoint, acs.NewStaticUserCredential("secret-token"), &acs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: transport,
		Retry:     policy.RetryOptions{MaxRetries: -1, TryTimeout: 5 * time.Second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return chat
}

// ReadThread reads a thread at an endpoint that fails, and returns the error.
func ReadThread(ctx context.Context, t *testing.T, endpoint string, transport policy.Transporter) error {
	t.Helper()
	_, err := Chat(t, endpoint, transport).ThreadClient("19:thread@thread.v2").GetProperties(ctx, nil)
	if err == nil {
		t.Fatal("the call succeeded")
	}
	return err
}

// Refusal returns the error of a call that a server answers with a status, headers and a body.
func Refusal(t *testing.T, status int, header map[string]string, body string) error {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Errorf("write: %v", err)
		}
	}))
	defer server.Close()
	return ReadThread(t.Context(), t, server.URL, server.Client())
}

// IsFitToShow reports whether a text may stand in status, events and logs: one line, printable.
func IsFitToShow(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// MustSucceed ends the test if a step that it needs fails.
func MustSucceed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Delay waits in a bubble of synctest, or until the context ends. Without anything to wait for it
// starts no timer: under the race detector, Go 1.26 may crash when several goroutines of one bubble
// receive from timers that have expired already.
func Delay(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
