// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	entraSubject = "system:serviceaccount:acs-chat-operator-system:acs-chat-operator"
	entraRefusal = `{"error":"invalid_request","error_description":"AADSTS70021: No matching federated identity record found for presented assertion. ` +
		`Assertion Issuer: 'https://oidc.prod-aks.azure.com/00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002/'. ` +
		`Assertion Subject: '` + entraSubject + `'. Assertion Audience: 'api://AzureADTokenExchange'. https://learn.microsoft.com/entra/workload-id ` +
		`Trace ID: 11111111 Correlation ID: 22222222 Timestamp: 2026-03-01 12:00:00Z","error_codes":[70021]}`
)

// entraAnswer has the part of Microsoft Entra answer requests for a token. It describes its tenant as the real one does.
func entraAnswer(status int, body string) func(*http.Request) (*http.Response, error) {
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

// The endpoint that a spec names is shown before there is a user, and is not held against a correction.
func TestDeclaredEndpointIsShown(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	acstest.MustSucceed(t, os.WriteFile(token, []byte("the.projected.token"), 0o600))
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", token)
	t.Setenv("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000003")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	g := NewWithT(t)
	r := &ChatConnectionReconciler{Sessions: &connection.Registry{AllowedEndpoints: connection.EndpointRules(connection.DefaultEndpointSuffixes), EntraNamespaces: []string{"a"}, Timeout: time.Second,
		Transport: &http.Client{Transport: roundTrip(entraAnswer(http.StatusBadRequest, entraRefusal))}}} //nolint:bodyclose // a function that answers
	conn := newConnection("a", "default")
	for _, host := range []string{"https://typo.communication.azure.com", "https://contoso.communication.azure.com"} {
		conn.Generation++
		conn.Spec = chatv1alpha1.ChatConnectionSpec{Entra: &chatv1alpha1.EntraIdentity{Endpoint: host}}
		_, err := r.keep(t.Context(), conn)
		g.Expect(outcome.Classify(err).Reason).To(Equal(chatv1alpha1.ReasonAuthenticationFailed), "%v", err)
		g.Expect(conn.Status.Endpoint).To(Equal(host))
	}
}
