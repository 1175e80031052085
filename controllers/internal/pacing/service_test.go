// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

const endpoint = "https://contoso.communication.azure.com"

// reply is how ACS answers a call: with a status, and a Retry-After of some seconds, or not at all.
type reply struct {
	status, after int
	err           error
}

var ok = reply{status: http.StatusOK}

func (r reply) response(req *http.Request) (*http.Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	recorder := httptest.NewRecorder()
	if r.after > 0 {
		recorder.Header().Set("Retry-After", fmt.Sprint(r.after))
	}
	recorder.WriteHeader(r.status)
	resp := recorder.Result()
	resp.Request = req
	return resp, nil
}

// user is a service user whose calls are paced. They are answered by a function.
type user struct {
	tb       testing.TB
	pipeline runtime.Pipeline
	mu       sync.Mutex
	answer   func() reply
}

func newUser(tb testing.TB, pacer *pacing.Pacer) *user {
	tb.Helper()
	return newUserNamed(tb, pacer, "user")
}

func newUserNamed(tb testing.TB, pacer *pacing.Pacer, id string) *user {
	tb.Helper()
	u := &user{tb: tb, answer: func() reply { return ok }}
	u.pipeline = runtime.NewPipeline("test", "v0.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{pacer.Policy(id)}},
		&policy.ClientOptions{Transport: u, Retry: policy.RetryOptions{MaxRetries: -1}})
	return u
}

func (u *user) Do(req *http.Request) (*http.Response, error) {
	u.mu.Lock()
	answer := u.answer
	u.mu.Unlock()
	return answer().response(req)
}

// answerWith has calls answered otherwise, until the result is called.
func (u *user) answerWith(answer func() reply) (restore func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.answer
	u.answer = answer
	return func() { u.answerWith(before) }
}

// call makes one call of an operation.
func (u *user) call(who pacing.Caller, operation string) error {
	return u.callIn(u.tb.Context(), who, operation)
}

func (u *user) callIn(ctx context.Context, who pacing.Caller, operation string) error {
	ctx = context.WithValue(pacing.WithCaller(ctx, who), runtime.CtxAPINameKey{}, operation)
	req, err := runtime.NewRequest(ctx, http.MethodGet, endpoint+"/chat/threads/a")
	if err != nil {
		u.tb.Error(err)
		return err
	}
	resp, err := u.pipeline.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (u *user) read(who pacing.Caller) error { return u.call(who, "ThreadClient.GetProperties") }

// begin makes a read that is answered when the result is called.
func (u *user) begin(who pacing.Caller) (end func(reply)) {
	u.tb.Helper()
	sent, replies, done := make(chan struct{}), make(chan reply), make(chan struct{})
	restore := u.answerWith(func() reply {
		close(sent)
		return <-replies
	})
	go func() {
		defer close(done)
		_ = u.read(who)
	}()
	select {
	case <-sent:
	case <-done:
		u.tb.Fatal("the call was not sent")
	}
	restore()
	return func(r reply) {
		replies <- r
		<-done
	}
}

// reads and creates are quotas of so many calls in 10 seconds.
func reads(limit int32) pacing.Quotas {
	return pacing.QuotasFor(&chatv1alpha1.Quotas{ReadThread: &chatv1alpha1.Quota{Per10s: limit}})
}

func creates(limit int32) pacing.Quotas {
	return pacing.QuotasFor(&chatv1alpha1.Quotas{CreateThread: &chatv1alpha1.Quota{Per10s: limit}})
}

// waitOf is the wait that a call got, or nil.
func waitOf(err error) *outcome.Wait {
	wait, _ := errors.AsType[*outcome.Wait](err)
	return wait
}

// insist repeats a call at its moment, as the work queue does.
func insist(t *testing.T, call func() error) {
	t.Helper()
	for {
		err := call()
		if err == nil {
			return
		}
		wait := waitOf(err)
		if wait == nil {
			t.Error(err)
			return
		}
		<-time.After(wait.After)
	}
}

func thread(n int) types.UID { return types.UID(fmt.Sprint(n)) }

// service is the emulator with its quotas, and users whose calls are paced.
type service struct {
	pacer   *pacing.Pacer
	handler http.Handler
	chats   map[string]*acs.ChatClient
	users   []string
	refused atomic.Int32
	// latency is how long a call takes.
	latency time.Duration
}

func newService(t *testing.T, users int) *service {
	t.Helper()
	emu := emulator.New(emulator.Options{Quotas: true, KeepRequests: -1})
	s := &service{handler: emu, pacer: pacing.New(true), chats: map[string]*acs.ChatClient{}}
	identity, err := acs.NewIdentityClientFromConnectionString(emu.ConnectionString(endpoint),
		&acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	for range users {
		made, err := identity.CreateUser(t.Context(), &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
		if err != nil {
			t.Fatal(err)
		}
		paced := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: s}}
		paced.PerRetryPolicies = append(paced.PerRetryPolicies, s.pacer.Policy(made.ID))
		credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
			issued, err := identity.IssueToken(ctx, made.ID, []acs.TokenScope{acs.ScopeChat}, nil)
			return issued.AccessToken, err
		}, &acs.UserCredentialOptions{Token: made.Token})
		chat, err := acs.NewChatClient(endpoint, credential, paced)
		if err != nil {
			t.Fatal(err)
		}
		s.chats[made.ID], s.users = chat, append(s.users, made.ID)
	}
	return s
}

// Do calls the emulator without a socket, so that time can be moved.
func (s *service) Do(req *http.Request) (*http.Response, error) {
	if err := acstest.Delay(req.Context(), s.latency/2); err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	if served.Body == nil {
		served.Body = http.NoBody
	}
	s.handler.ServeHTTP(recorder, served)
	if err := acstest.Delay(req.Context(), s.latency-s.latency/2); err != nil {
		return nil, err
	}
	resp := recorder.Result()
	resp.Request = req
	if resp.StatusCode == http.StatusTooManyRequests {
		s.refused.Add(1)
	}
	return resp, nil
}

func (s *service) checkRefused(t *testing.T) {
	t.Helper()
	if refused := s.refused.Load(); refused > 0 {
		t.Errorf("%d calls were answered with 429", refused)
	}
}
