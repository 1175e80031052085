// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

const (
	// exampleKey is base64 of "secret-key-secret-key".
	exampleKey = "c2VjcmV0LWtleS1zZWNyZXQta2V5"
	userToken  = "user.token.signature"
	entraToken = "entra.token.signature"

	threadID   = "19:Zm9vYmFy_-1@thread.v2"
	threadPath = "/chat/threads/19%3AZm9vYmFy_-1%40thread.v2"
	alice      = "8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_0000000a-0000-0000-0000-000000000001"
	alicePath  = "8%3Aacs%3A6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_0000000a-0000-0000-0000-000000000001"
	bob        = "8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_0000000a-0000-0000-0000-000000000002"
)

// reply is a response of the service; status 0 closes the connection instead.
type reply struct {
	status   int
	header   map[string]string
	body     string
	truncate bool // announce a longer body, and close the connection
	stall    bool // announce a longer body, and wait for the client to close the connection
	foreign  bool // leave out the header that the service sends with each response
}

type request struct {
	method, uri, host, body string
	header                  http.Header
}

// service is an https server with given replies. It records its requests.
type service struct {
	*httptest.Server
	perCall, perRetry []policy.Policy // of the clients
	onBody            func()          // called when a client begins to read a body
	traces            tracing.Provider

	mu       sync.Mutex
	requests []request
}

// serve answers the nth request with the nth reply, and later requests with the last one.
func serve(t *testing.T, replies ...reply) *service {
	t.Helper()
	return serveFunc(t, func(n int, _ *http.Request) reply { return replies[min(n, len(replies)-1)] })
}

func serveFunc(t *testing.T, answer func(n int, r *http.Request) reply) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.record(r)
		given := answer(n, r)
		if given.status == 0 {
			panic(http.ErrAbortHandler)
		}
		if !given.foreign {
			w.Header().Set("MS-CV", "vector.0")
		}
		for name, value := range given.header {
			w.Header().Set(name, value)
		}
		if given.truncate || given.stall {
			w.Header().Set("Content-Length", "100000")
		}
		w.WriteHeader(given.status)
		_, _ = io.WriteString(w, given.body)
		if given.stall {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) record(r *http.Request) int {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{
		method: r.Method, uri: r.RequestURI, host: r.Host, body: string(body), header: r.Header.Clone(),
	})
	return len(s.requests) - 1
}

func (s *service) received() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// only returns the request, which must be the only one.
func (s *service) only(t *testing.T) request {
	t.Helper()
	got := s.received()
	if len(got) != 1 {
		t.Fatalf("the service received %d requests, want 1", len(got))
	}
	return got[0]
}

func (s *service) options() *acs.ClientOptions {
	return &acs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport:       s.transport(),
		PerCallPolicies: s.perCall, PerRetryPolicies: s.perRetry, TracingProvider: s.traces,
		Retry: policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: 10 * time.Millisecond},
	}}
}

func (s *service) transport() policy.Transporter {
	if s.onBody == nil {
		return s.Client()
	}
	return transportFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := s.Client().Do(req) //nolint:gosec // The server is the test's own.
		if err == nil {
			resp.Body = &observedBody{ReadCloser: resp.Body, begin: s.onBody}
		}
		return resp, err
	})
}

type observedBody struct {
	io.ReadCloser
	begin func()
}

func (b *observedBody) Read(p []byte) (int, error) {
	b.begin()
	return b.ReadCloser.Read(p)
}

func (s *service) chat(t *testing.T) *acs.ChatClient {
	t.Helper()
	return s.chatOf(t, acs.NewStaticUserCredential(userToken))
}

func (s *service) chatOf(t *testing.T, credential *acs.UserCredential) *acs.ChatClient {
	t.Helper()
	client, err := acs.NewChatClient(s.URL, credential, s.options())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *service) thread(t *testing.T) *acs.ThreadClient {
	t.Helper()
	return s.chat(t).ThreadClient(threadID)
}

func (s *service) identity(t *testing.T) *acs.IdentityClient {
	t.Helper()
	client, err := acs.NewIdentityClientFromConnectionString("endpoint="+s.URL+"/;accesskey="+exampleKey, s.options())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UTC()
}

// signature is the expected Authorization header of a request to the Identity service.
func signature(r request) string {
	key, _ := base64.StdEncoding.DecodeString(exampleKey)
	hash := sha256.Sum256([]byte(r.body))
	content := base64.StdEncoding.EncodeToString(hash[:])
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s\n%s\n%s;%s;%s", r.method, r.uri, r.header.Get("X-Ms-Date"), r.host, content)
	return "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" +
		base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// checkNoCredential looks for credentials in all parts of an error.
func checkNoCredential(t *testing.T, err error, secrets ...string) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err)
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok {
		body, _ := io.ReadAll(refused.RawResponse.Body)
		text += fmt.Sprintf("%v %#v %s", refused.RawResponse.Header, refused, body)
		if refused.RawResponse.Request != nil {
			text += fmt.Sprint(refused.RawResponse.Request.Header)
			sent, _ := io.ReadAll(refused.RawResponse.Request.Body)
			text += string(sent)
		}
	}
	for _, secret := range append(secrets, userToken, entraToken, exampleKey, "Signature=", "Bearer") {
		if strings.Contains(text, secret) {
			t.Errorf("the error holds %q:\n%s", secret, text)
		}
	}
}
