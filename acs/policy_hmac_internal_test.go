// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const documentedKey = "c2VjcmV0LWtleS1zZWNyZXQta2V5"

// answers is a transport that never leaves the process.
type answers func(req *http.Request) (*http.Response, error)

func (a answers) Do(req *http.Request) (*http.Response, error) { return a(req) }

func respond(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

func TestHMACGoldenVector(t *testing.T) {
	t.Parallel()
	signer, err := newHMACPolicy(NewSecret(documentedKey))
	if err != nil {
		t.Fatal(err)
	}
	signer.now = func() time.Time { return time.Date(2022, time.May, 26, 9, 59, 25, 123, time.FixedZone("", 2*60*60)) }
	var sent http.Header
	transport := answers(func(req *http.Request) (*http.Response, error) {
		sent = req.Header.Clone()
		return respond(req, http.StatusCreated, `{"identity":{"id":"8:acs:a_b"}}`), nil
	})
	client, err := newIdentityClient("https://contoso.communication.azure.com", authentication{policy: signer},
		&ClientOptions{azcore.ClientOptions{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateUser(t.Context(), &CreateUserOptions{TokenScopes: []TokenScope{ScopeChat}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"x-ms-date":           "Thu, 26 May 2022 07:59:25 GMT",
		"x-ms-content-sha256": "WTRvgEjjVd+bvyKw3WgXgDkU81aV8FWq+4/BE+he0+A=",
		"Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&" +
			"Signature=vdvQsDEZE9mdG1vahDs+TQJR/ihzXBcGNmOekdhASic=",
	} {
		if got := sent.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestHMACOfNoBody(t *testing.T) {
	t.Parallel()
	hash, err := hashBody(nil)
	if want := "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; hash != want || err != nil {
		t.Errorf("hash is %s, %v, want %s", hash, err, want)
	}
}

func TestHMACSignsEachTry(t *testing.T) {
	t.Parallel()
	signer, err := newHMACPolicy(NewSecret(documentedKey))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	clock := start
	signer.now = func() time.Time { clock = clock.Add(time.Minute); return clock }
	var dates, signatures, bodies []string
	transport := answers(func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, string(body))
		dates = append(dates, req.Header.Get("x-ms-date"))
		signatures = append(signatures, req.Header.Get("Authorization"))
		if len(dates) < 3 {
			return respond(req, http.StatusServiceUnavailable, ""), nil
		}
		return respond(req, http.StatusOK, `{"token":"t","expiresOn":"2026-01-01T01:00:00Z"}`), nil
	})
	client, err := newIdentityClient("https://localhost:8443", authentication{policy: signer}, &ClientOptions{azcore.ClientOptions{
		Transport: transport, Retry: policy.RetryOptions{RetryDelay: time.Millisecond},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.IssueToken(t.Context(), "8:acs:a_b", []TokenScope{ScopeChat}, nil); err != nil {
		t.Fatal(err)
	}
	if len(dates) != 3 {
		t.Fatalf("%d tries, want 3", len(dates))
	}
	for i, date := range dates {
		if want := start.Add(time.Duration(i+1) * time.Minute).Format(http.TimeFormat); date != want {
			t.Errorf("try %d is dated %s, want %s", i, date, want)
		}
		want := signer.sign("POST\n/identities/8%3Aacs%3Aa_b/:issueAccessToken?api-version=2023-10-01\n" +
			date + ";localhost:8443;J+doRQjtFVYLx3qOvzptwBLjQWqy6OEWEEk1TY1+rT4=")
		if !strings.HasSuffix(signatures[i], "&Signature="+want) {
			t.Errorf("try %d is signed %s, want %s", i, signatures[i], want)
		}
		if bodies[i] != `{"scopes":["chat"]}` {
			t.Errorf("try %d has body %s", i, bodies[i])
		}
	}
}

func TestDefaultTransportIsSafe(t *testing.T) {
	t.Parallel()
	if got := newTransport().TLSClientConfig.MinVersion; got < 0x0303 {
		t.Errorf("the oldest TLS version is %x", got)
	}
}
