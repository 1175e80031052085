// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

// A clock that is wrong is not blamed on the access key.
func TestClockIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ahead time.Duration
		want  string
	}{
		"ahead":      {40 * time.Minute, "The clock of ACS is 40 minutes ahead of the operator's"},
		"behind":     {-6 * time.Minute, "The clock of ACS is 6 minutes behind the operator's"},
		"a bit off":  {4 * time.Minute, "Put the current connection string"},
		"no clock":   {0, "Put the current connection string"},
		"a bit slow": {-5 * time.Minute, "Put the current connection string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newIdentityWorld(t)
				w.answer = func(req *http.Request) (*http.Response, error) {
					header := http.Header{"Ms-Cv": {"vector.0"}}
					if c.ahead != 0 {
						header.Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
					}
					return &http.Response{StatusCode: http.StatusUnauthorized, Header: header, Body: http.NoBody, Request: req}, nil
				}
				_, err := w.registry.CreateUser(t.Context(), w.session)
				rejected := w.session.CredentialRejected(err)
				for _, err := range []error{w.session.usable(newConnection("a")), rejected} {
					o := outcome.Classify(err)
					w.Expect(o.Reason).To(Equal(chatv1alpha1.ReasonAuthenticationFailed))
					w.Expect(o.Stalled).To(BeTrue())
					w.Expect(o.Message).To(ContainSubstring(c.want))
				}
				if strings.HasPrefix(c.want, "The clock") {
					w.Expect(outcome.Classify(err).Message).To(ContainSubstring(c.want))
				}
			})
		})
	}
}

// A proxy that lets nothing through is named, by its status or as the one that does not answer.
func TestProxyIsNamed(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer refusing.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for proxy, want := range map[string]string{
		refusing.URL: "ACS could not be reached (the proxy refused the connection: 407) when asked to read the thread; the operator tries again.",
		away.URL:     "ACS could not be reached (the proxy does not answer) when asked to read the thread; the operator tries again.",
	} {
		through, err := url.Parse(proxy)
		acstest.MustSucceed(t, err)
		transport := (&hostTransports{}).newTransport(nil)
		transport.Proxy = http.ProxyURL(through)
		err = outcome.CallFailed("read the thread", acstest.ReadThread(t.Context(), t, "https://contoso.communication.azure.com", &http.Client{Transport: transport}))
		transport.CloseIdleConnections()
		if got := outcome.Classify(err).Message; got != want || !reach.IsUnsent(err) {
			t.Errorf("%q of %v", got, err)
		}
	}
}

// The log has the values that Microsoft's support asks for, of every call that ACS refuses, and no
// credential.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	for status, shown := range map[int]bool{400: true, 403: true, 500: true, 404: false, 429: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newIdentityWorld(t)
			var lines []string
			logger := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
			w.answer = func(req *http.Request) (*http.Response, error) {
				header := http.Header{"Ms-Cv": {"vector.0"}, "X-Ms-Request-Id": {"request-1"}, "X-Echo": req.Header["Authorization"]}
				return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: req}, nil
			}
			_, err := w.registry.CreateUser(ctrl.LoggerInto(t.Context(), logger), w.session)
			w.Expect(err).To(HaveOccurred())
			if !shown {
				w.Expect(lines).To(BeEmpty())
				return
			}
			w.Expect(lines).To(ContainElement(And(ContainSubstring(`"msCV"="vector.0"`), ContainSubstring(`"requestID"="request-1"`),
				ContainSubstring(`"operation"="IdentityClient.CreateUser"`), Not(ContainSubstring("Signature")))))
		})
	}
}
