// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acstest

import (
	"io"
	"net/http"
	"strings"
)

// EntraRefusal is an answer of Microsoft Entra that names the workload EntraSubject.
const (
	EntraSubject = "system:serviceaccount:acs-chat-operator-system:acs-chat-operator"
	EntraRefusal = `{"error":"invalid_request","error_description":"AADSTS70021: No matching federated identity record found for presented assertion. ` +
		`Assertion Issuer: 'https://oidc.prod-aks.azure.com/00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002/'. ` +
		`Assertion Subject: '` + EntraSubject + `'. Assertion Audience: 'api://AzureADTokenExchange'. https://learn.microsoft.com/entra/workload-id ` +
		`Trace ID: 11111111 Correlation ID: 22222222 Timestamp: 2026-03-01 12:00:00Z","error_codes":[70021]}`
)

// EntraAnswer has the part of Microsoft Entra answer requests for a token. It describes its tenant
// as the real one does.
func EntraAnswer(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req}
		tenant := "https://login.microsoftonline.com/tenant/"
		switch {
		case strings.Contains(req.URL.Path, "/discovery/instance"):
			answer.Body = io.NopCloser(strings.NewReader(`{"tenant_discovery_endpoint":"` + tenant + `v2.0/.well-known/openid-configuration","metadata":[]}`))
		case strings.HasSuffix(req.URL.Path, "/openid-configuration"):
			answer.Body = io.NopCloser(strings.NewReader(`{"authorization_endpoint":"` + tenant + `authorize","token_endpoint":"` + tenant + `oauth2/v2.0/token","issuer":"` + tenant + `v2.0"}`))
		default:
			answer.StatusCode = status
			answer.Body = io.NopCloser(strings.NewReader(body))
		}
		return answer, nil
	}
}
