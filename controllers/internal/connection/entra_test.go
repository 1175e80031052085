// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Errors of Microsoft Entra name Entra, not ACS, and show its words.
func TestEntraIsNamed(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	acstest.MustSucceed(t, os.WriteFile(token, []byte("the.projected.token"), 0o600))
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", token)
	t.Setenv("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000003")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	for name, c := range map[string]struct {
		answer  func(*http.Request) (*http.Response, error)
		file    string
		reason  string
		stalled bool
		says    []string
	}{
		"refused": {answer: acstest.EntraAnswer(http.StatusBadRequest, acstest.EntraRefusal), reason: chatv1alpha1.ReasonAuthenticationFailed, stalled: true, //nolint:bodyclose // a function that answers
			says: []string{"Microsoft Entra refused the operator's identity (AADSTS70021: No matching", acstest.EntraSubject}},
		"refused without a number": {answer: acstest.EntraAnswer(http.StatusUnauthorized, `{"error":"unauthorized_client"}`), reason: chatv1alpha1.ReasonAuthenticationFailed, stalled: true, //nolint:bodyclose // a function that answers
			says: []string{"Microsoft Entra refused the operator's identity (unauthorized_client: no description)."}},
		"in trouble": {answer: acstest.EntraAnswer(http.StatusServiceUnavailable, "<html></html>"), reason: chatv1alpha1.ReasonServiceUnavailable, //nolint:bodyclose // a function that answers
			says: []string{"Microsoft Entra (login.microsoftonline.com) is in trouble (503)"}},
		"something in between": {answer: acstest.EntraAnswer(http.StatusForbidden, "<html>the.projected.token</html>"), reason: chatv1alpha1.ReasonServiceUnavailable, //nolint:bodyclose // a function that answers
			says: []string{"Microsoft Entra (login.microsoftonline.com) was not reached: something in between answered (403)"}},
		"away": {answer: func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}, reason: chatv1alpha1.ReasonServiceUnavailable, says: []string{"Microsoft Entra (login.microsoftonline.com) could not be reached when asked for a token"}},
		"no such host": {answer: func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: "login.microsoftonline.com", IsNotFound: true}}
		}, reason: chatv1alpha1.ReasonServiceUnavailable, says: []string{"could not be found (there is no such host in DNS)"}},
		"no token of the service account": {file: filepath.Join(t.TempDir(), "none"), answer: acstest.EntraAnswer(http.StatusOK, "{}"), reason: chatv1alpha1.ReasonAuthenticationFailed, stalled: true, //nolint:bodyclose // a function that answers
			says: []string{"The operator has no token for Microsoft Entra", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.file != "" {
				t.Setenv("AZURE_FEDERATED_TOKEN_FILE", c.file)
			}
			g := NewWithT(t)
			conn := newConnection("a")
			conn.Spec = chatv1alpha1.ChatConnectionSpec{Entra: &chatv1alpha1.EntraIdentity{Endpoint: "https://contoso.communication.azure.com"}}
			asked := 0
			sessions := &Registry{AllowedEndpoints: EndpointRules(DefaultEndpointSuffixes), EntraNamespaces: []string{"a"}, Timeout: 10 * time.Second,
				Transport: &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
					if strings.HasPrefix(req.URL.Host, "contoso") {
						asked++
					}
					return c.answer(req)
				})}}
			found, err := sessions.Get(t.Context(), conn)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = sessions.CreateUser(t.Context(), found)
			o := outcome.Classify(err)
			g.Expect(o.Reason).To(Equal(c.reason), "%v", err)
			g.Expect(o.Stalled).To(Equal(c.stalled))
			for _, text := range c.says {
				g.Expect(o.Message).To(ContainSubstring(text))
			}
			g.Expect(o.Message + err.Error()).NotTo(Or(ContainSubstring("Trace ID"), ContainSubstring("the.projected.token"), ContainSubstring("ACS")))
			g.Expect(asked).To(BeZero())
			g.Expect(found.creation.held()).To(Succeed(), "no user can have been made")
		})
	}
}
