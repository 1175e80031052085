// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

// answering is a transport that answers always the same.
type answering struct {
	resp *http.Response
	err  error
}

func (a answering) Do(req *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	resp := *a.resp
	resp.Request = req
	return &resp, nil
}

func TestDiscretion(t *testing.T) {
	t.Parallel()
	const (
		key   = "a2V5IG9mIHRoZSBhY2NvdW50LCBvZiBzb21lIGxlbmd0aA=="
		token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoibm9ib2R5In0.c2lnbmF0dXJl"
		said  = `{"error":{"code":"Refused","message":"Not now."}}`
	)
	for name, c := range map[string]struct {
		status  int
		body    string
		header  string
		err     error
		hidden  bool
		leftOut bool
	}{
		"a refusal":             {status: 403, body: said},
		"the token":             {status: 403, body: "You sent Bearer " + token, hidden: true},
		"a piece of the token":  {status: 500, body: "<pre>" + token[13:13+16] + "</pre>", hidden: true},
		"the key":               {status: 400, body: "accesskey=" + key, hidden: true},
		"the end of the key":    {status: 400, body: "…" + key[len(key)-17:], hidden: true},
		"escaped":               {status: 400, body: `{"code":"` + strings.ReplaceAll(key, "=", `\u003d`) + `"}`, hidden: true},
		"a success":             {status: 200, body: "Bearer " + token},
		"much":                  {status: 502, body: strings.Repeat("x", connection.MaxRefusal+1), hidden: true},
		"a header":              {status: 403, body: said, header: token, leftOut: true},
		"another header":        {status: 403, body: said, header: "vector.0"},
		"no answer":             {err: io.ErrUnexpectedEOF},
		"no answer but a token": {err: errors.New("cannot go to " + token), hidden: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &connection.Discretion{}
			d.Keep(key)
			resp := &http.Response{StatusCode: c.status, Status: "403 " + token, Header: http.Header{"Ms-Cv": {c.header}}, Body: io.NopCloser(strings.NewReader(c.body))}
			pipeline := runtime.NewPipeline("", "", runtime.PipelineOptions{}, &policy.ClientOptions{
				Transport: answering{resp, c.err}, PerRetryPolicies: []policy.Policy{d}, Retry: policy.RetryOptions{MaxRetries: -1},
			})
			req, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://contoso.communication.azure.com")
			if err != nil {
				t.Fatal(err)
			}
			req.Raw().Header.Set("Authorization", "Bearer "+token)
			got, err := pipeline.Do(req) //nolint:bodyclose // azcore has read and closed it
			if c.err != nil {
				if hidden := !errors.Is(err, c.err); err == nil || hidden != c.hidden {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkShownOf(t, got, c.body, c.hidden)
			if leftOut := got.Header.Get("MS-CV") != c.header; leftOut != c.leftOut {
				t.Errorf("header %v", got.Header)
			}
			if strings.Contains(got.Status, token) {
				t.Errorf("status %q", got.Status)
			}
		})
	}
}

// checkShownOf compares what is left of a body.
func checkShownOf(t *testing.T, got *http.Response, body string, hidden bool) {
	t.Helper()
	left, err := runtime.Payload(got)
	if err != nil {
		t.Fatal(err)
	}
	if isHidden := string(left) != body; isHidden != hidden || isHidden && len(left) > 0 {
		t.Errorf("body %q", left)
	}
}
