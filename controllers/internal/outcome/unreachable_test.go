// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
)

const (
	contosoEndpoint   = "https://contoso.communication.azure.com"
	notReachedMessage = "ACS could not be reached when asked to read the thread; the operator tries again."
	notFoundMessage   = "ACS could not be found (there is no such host in DNS) when asked to read the thread; the operator tries again."
	lateMessage       = "ACS did not answer in time when asked to read the thread; the operator tries again."
	nextPageMessage   = "ACS named a next page (nextLink) that the operator does not follow when asked to list threads; the operator tries again."
	notTrustedMessage = "ACS showed a certificate that is not trusted (flag --acs-ca-file) when asked to read the thread; the operator tries again."
)

// failing returns a call that fails with this error.
func failing(err error) func(*testing.T) error {
	return func(t *testing.T) error {
		t.Helper()
		return readThreadAt(t.Context(), t, contosoEndpoint, noAnswer{&url.Error{Op: "Get", URL: contosoEndpoint, Err: err}})
	}
}

// readClosed reads from a server that is closed.
func readClosed(t *testing.T) error {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Close()
	return readThreadAt(t.Context(), t, server.URL, server.Client())
}

// readUntrusted reads from a server with a certificate that the client does not trust.
func readUntrusted(t *testing.T) error {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	stranger := &http.Client{Transport: &http.Transport{}}
	defer stranger.CloseIdleConnections()
	return readThreadAt(t.Context(), t, server.URL, stranger)
}

// listElsewhere follows a link to a page of another host.
func listElsewhere(t *testing.T) error {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[],"nextLink":"https://fabrikam.communication.azure.com/threads"}`)
	}))
	defer server.Close()
	pager := acstest.Chat(t, server.URL, server.Client()).NewListThreadsPager(nil)
	_, err := pager.NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = pager.NextPage(t.Context())
	return CallFailed("list threads", err)
}

// readLate reads from a server that does not answer in time.
func readLate(t *testing.T) error {
	t.Helper()
	released := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	defer server.Close()
	defer close(released)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	return readThreadAt(ctx, t, server.URL, server.Client())
}

// readPastDeadline reads when the time of a reconcile is over.
func readPastDeadline(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	return readThreadAt(ctx, t, contosoEndpoint, noAnswer{})
}

func TestClassifyUnreachable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(*testing.T) error
		want string
	}{
		"refused": {want: notReachedMessage, make: readClosed},
		"reset":   {want: notReachedMessage, make: failing(&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})},
		"no such host": {want: notFoundMessage, make: failing(&net.OpError{Op: "dial", Net: "tcp",
			Err: &net.DNSError{Err: "no such host", Name: "contoso", Server: "10.0.0.10:53", IsNotFound: true}})},
		"dial times out":              {want: lateMessage, make: failing(&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded})},
		"foreign certificate":         {want: notTrustedMessage, make: readUntrusted},
		"next page elsewhere":         {want: nextPageMessage, make: listElsewhere},
		"certificate of another host": {want: notTrustedMessage, make: failing(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "contoso"})},
		"expired certificate":         {want: notTrustedMessage, make: failing(x509.CertificateInvalidError{Reason: x509.Expired})},
		"try times out":               {want: lateMessage, make: readLate},
		"reconcile is out of time":    {want: lateMessage, make: readPastDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.make(t)
			got := Classify(err)
			want := verdict{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: c.want}
			if diff := cmp.Diff(want, verdictOf(got)); diff != "" {
				t.Errorf("outcome of %v (-want +got):\n%s", err, diff)
			}
			if !errors.Is(got.Err, err) {
				t.Errorf("error for the work queue: %v", got.Err)
			}
		})
	}
}

// An operator that stops cancels its reconciles, which says nothing about ACS.
func TestClassifyCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := readThreadAt(ctx, t, "https://contoso.communication.azure.com", noAnswer{})
	if got := Classify(err); !got.Quiet || got.Ready {
		t.Errorf("outcome %+v", got)
	}
}

// If the API server cannot be reached, nothing is reported of ACS.
func TestClassifyAPIServerUnreachable(t *testing.T) {
	t.Parallel()
	down := &url.Error{Op: "Patch", URL: "https://10.0.0.1:443/apis", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	err := fmt.Errorf("add finalizer: %w", down)
	if got := Classify(err); !got.Quiet || !errors.Is(got.Err, err) {
		t.Errorf("outcome %+v", got)
	}
}
