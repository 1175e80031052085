// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// maxResponseBody is far above the longest page that the service is known to send.
	maxResponseBody = 8 << 20
	// pingAfter and pingTimeout limit the silence of an HTTP/2 connection before and after a ping.
	// Without them a dead connection would be used for ever.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// ClientOptions are the options of all clients. The zero value is usable, and so is nil.
//
// The defaults are azcore's, with these exceptions: Retry.StatusCodes lacks 429, because refused
// retries count against the service's quotas too; redirects are not followed, also not by an
// [*http.Client] given as Transport unless it has a CheckRedirect of its own; TLS is at least 1.2.
// Clients with the same Transport share connections; without a Transport, each client has its own.
// Also without one, an HTTP/2 connection that has been silent for 10 seconds is pinged, and is
// closed after 5 more: calls on it fail, or are retried, and the next calls use a new connection.
//
// Plain http is refused unless InsecureAllowCredentialWithHTTP is set. With any Transport, a
// response body of more than 8 MiB is an error.
type ClientOptions struct {
	azcore.ClientOptions
}

// withDefaults returns the options for azcore; those of the caller stay unchanged.
func (o *ClientOptions) withDefaults() policy.ClientOptions {
	var options policy.ClientOptions
	if o != nil {
		options = o.ClientOptions
	}
	if options.Retry.StatusCodes == nil {
		options.Retry.StatusCodes = []int{
			http.StatusRequestTimeout,
			http.StatusInternalServerError,
			http.StatusBadGateway,
			http.StatusServiceUnavailable,
			http.StatusGatewayTimeout,
		}
	}
	options.Transport = &limitingTransporter{next: transporter(options.Transport)}
	return options
}

// transporter ensures that a request with a credential goes only to its endpoint.
func transporter(given policy.Transporter) policy.Transporter {
	switch given := given.(type) {
	case nil:
		return &http.Client{Transport: newTransport(), CheckRedirect: refuseRedirect}
	case *http.Client:
		if given.CheckRedirect != nil {
			return given
		}
		client := *given
		client.CheckRedirect = refuseRedirect
		return &client
	default:
		return given
	}
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newTransport() *http.Transport {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	transport.MaxIdleConnsPerHost = 16
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.TLSClientConfig.MinVersion = max(transport.TLSClientConfig.MinVersion, tls.VersionTLS12)
	return transport
}

// limitingTransporter limits the memory that a server can make the client use.
type limitingTransporter struct {
	next policy.Transporter
}

func (t *limitingTransporter) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.next.Do(req)
	if err != nil {
		return resp, err
	}
	if resp.Body != nil {
		resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxResponseBody}
	}
	return resp, nil
}

// limitedBody returns an error at its limit; [io.LimitReader] would report the end of the body.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	// One byte more than the limit distinguishes a body of exactly the limit from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, &finalError{fmt.Errorf("response body is longer than %d bytes", maxResponseBody)}
	}
	return n, err
}

// finalError is an error that azcore's retry policy does not retry.
type finalError struct {
	err error
}

func (e *finalError) Error() string { return e.err.Error() }

func (e *finalError) Unwrap() error { return e.err }

// NonRetriable marks the error for azcore.
func (e *finalError) NonRetriable() {}
