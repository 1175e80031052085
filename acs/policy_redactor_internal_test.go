// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	longKey   = "a2V5IG9mIHRoZSBhY2NvdW50LCBvZiBzb21lIGxlbmd0aA=="
	longToken = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoibm9ib2R5In0.c2lnbmF0dXJl"
)

func TestRedactor(t *testing.T) {
	t.Parallel()
	const said = `{"error":{"code":"Refused","message":"Not now."}}`
	for name, c := range map[string]struct {
		status  int
		body    string
		header  string
		err     error
		hidden  bool
		leftOut bool
	}{
		"a refusal":                {status: 403, body: said},
		"the token":                {status: 403, body: "You sent Bearer " + longToken, hidden: true},
		"a fragment of the token":  {status: 500, body: "<pre>" + longToken[13:13+16] + "</pre>", hidden: true},
		"the key":                  {status: 400, body: "accesskey=" + longKey, hidden: true},
		"the end of the key":       {status: 400, body: "…" + longKey[len(longKey)-17:], hidden: true},
		"escaped":                  {status: 400, body: `{"code":"` + strings.ReplaceAll(longKey, "=", `\u003d`) + `"}`, hidden: true},
		"a success":                {status: 200, body: "Bearer " + longToken, header: longToken},
		"a long refusal":           {status: 502, body: strings.Repeat("x", maxRefusalBody)},
		"a refusal too long":       {status: 502, body: strings.Repeat("x", maxRefusalBody+1), hidden: true},
		"a header":                 {status: 403, body: said, header: longToken, leftOut: true},
		"another header":           {status: 403, body: said, header: "vector.0"},
		"no response":              {err: io.ErrUnexpectedEOF},
		"no response but a token":  {err: errors.New("cannot go to " + longToken), hidden: true},
		"no response, not retried": {err: &finalError{errors.New("cannot go to " + longToken)}, hidden: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := &http.Response{
				StatusCode: c.status, Status: "403 " + longToken, Header: http.Header{"Ms-Cv": {c.header}},
				Body: io.NopCloser(strings.NewReader(c.body)),
			}
			got, err := doRedacted(t, func(req *http.Request) (*http.Response, error) { //nolint:bodyclose // azcore has read and closed it
				if c.err != nil {
					return nil, c.err
				}
				resp.Request = req
				return resp, nil
			})
			if c.err != nil {
				checkRedactedError(t, err, c.err, c.hidden)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkRedactedBody(t, got, c.body, c.hidden)
			if leftOut := got.Header.Get("MS-CV") != c.header; leftOut != c.leftOut {
				t.Errorf("header %v", got.Header)
			}
			if strings.Contains(got.Status, longToken) {
				t.Errorf("status %q", got.Status)
			}
		})
	}
}

// TestRedactorOfATruncatedResponse checks the response that is returned together with an error.
func TestRedactorOfATruncatedResponse(t *testing.T) {
	t.Parallel()
	got, err := doRedacted(t, func(req *http.Request) (*http.Response, error) { //nolint:bodyclose // azcore has closed it
		return &http.Response{
			StatusCode: http.StatusForbidden, Status: longToken, Header: http.Header{"X-Echo": {longToken}}, Request: req,
			Body: &limitedBody{ReadCloser: io.NopCloser(strings.NewReader(longToken)), left: 10},
		}, nil
	})
	if err == nil || got == nil {
		t.Fatalf("response %v and error %v, want both", got, err)
	}
	if text := fmt.Sprint(got.Status, got.Header, err); strings.Contains(text, longToken) {
		t.Errorf("a token is left in %s", text)
	}
}

// doRedacted sends a request with longToken through a redactor that knows longKey.
func doRedacted(t *testing.T, transport answers) (*http.Response, error) {
	t.Helper()
	pipeline := runtime.NewPipeline("", "", runtime.PipelineOptions{}, &policy.ClientOptions{
		Transport: transport, PerRetryPolicies: []policy.Policy{&redactor{accessKey: NewSecret(longKey)}},
		Retry: policy.RetryOptions{MaxRetries: -1},
	})
	req, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://contoso.communication.azure.com")
	if err != nil {
		t.Fatal(err)
	}
	req.Raw().Header.Set("Authorization", "Bearer "+longToken)
	return pipeline.Do(req)
}

func checkRedactedBody(t *testing.T, got *http.Response, body string, hidden bool) {
	t.Helper()
	left, err := runtime.Payload(got)
	if err != nil {
		t.Fatal(err)
	}
	if isHidden := string(left) != body; isHidden != hidden || isHidden && len(left) > 0 {
		t.Errorf("body %q", left)
	}
}

func checkRedactedError(t *testing.T, got, sent error, hidden bool) {
	t.Helper()
	if errors.Is(got, sent) == hidden || errors.Is(got, errCredentialEchoed) != hidden {
		t.Errorf("error %v", got)
	}
	_, isFinal := errors.AsType[*finalError](got)
	if _, wasFinal := errors.AsType[*finalError](sent); isFinal != wasFinal {
		t.Errorf("error %#v, from %#v", got, sent)
	}
}

// tokenOf is an Entra credential with one token.
type tokenOf string

func (c tokenOf) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(c), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// oneCall makes a client with each constructor and one call with it.
func oneCall() map[string]func(ctx context.Context, options *ClientOptions) error {
	const endpoint = "https://contoso.communication.azure.com"
	create := func(ctx context.Context, client *IdentityClient, err error) error {
		if err != nil {
			return err
		}
		_, err = client.CreateUser(ctx, nil)
		return err
	}
	return map[string]func(ctx context.Context, options *ClientOptions) error{
		"access key": func(ctx context.Context, options *ClientOptions) error {
			client, err := NewIdentityClientWithAccessKey(endpoint, NewSecret(longKey), options)
			return create(ctx, client, err)
		},
		"connection string": func(ctx context.Context, options *ClientOptions) error {
			client, err := NewIdentityClientFromConnectionString("endpoint="+endpoint+";accesskey="+longKey, options)
			return create(ctx, client, err)
		},
		"Entra": func(ctx context.Context, options *ClientOptions) error {
			client, err := NewIdentityClient(endpoint, tokenOf(longToken), options)
			return create(ctx, client, err)
		},
		"Entra token in the body": func(ctx context.Context, options *ClientOptions) error {
			client, err := NewIdentityClientWithAccessKey(endpoint, NewSecret(longKey), options)
			if err != nil {
				return err
			}
			_, err = client.ExchangeTeamsUserToken(ctx, NewSecret(longToken), "app", "user", nil)
			return err
		},
		"user token": func(ctx context.Context, options *ClientOptions) error {
			client, err := NewChatClient(endpoint, NewStaticUserCredential(longToken), options)
			if err != nil {
				return err
			}
			_, err = client.DeleteThread(ctx, "thread", nil)
			return err
		},
	}
}

// TestEveryClientRedacts has a proxy that answers each try with the credentials of the request.
func TestEveryClientRedacts(t *testing.T) {
	t.Parallel()
	for name, call := range oneCall() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &seenBodies{}
			tries := 0
			transport := answers(func(req *http.Request) (*http.Response, error) {
				tries++
				echo := req.Header.Get("Authorization")
				switch name {
				case "access key", "connection string":
					echo = longKey
				case "Entra token in the body":
					sent, err := io.ReadAll(req.Body)
					if err != nil {
						return nil, err
					}
					echo = string(sent)
				}
				return respond(req, http.StatusBadGateway, echo), nil
			})
			err := call(t.Context(), &ClientOptions{azcore.ClientOptions{
				Transport: transport, PerRetryPolicies: []policy.Policy{seen},
				Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Millisecond},
			}})
			if !HasStatus(err, http.StatusBadGateway) || tries != 2 || len(seen.bodies) != 2 {
				t.Fatalf("error %v after %d tries, want a 502 after 2", err, tries)
			}
			text := err.Error() + strings.Join(seen.bodies, "")
			for _, credential := range []string{longKey, longToken} {
				if strings.Contains(text, credential) {
					t.Errorf("%q is left in %s", credential, text)
				}
			}
		})
	}
}

// seenBodies is a policy of the caller.
type seenBodies struct{ bodies []string }

func (s *seenBodies) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil {
		return resp, err
	}
	body, err := runtime.Payload(resp)
	s.bodies = append(s.bodies, string(body))
	return resp, err
}
