// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// clockTolerance is how far the clocks of ACS and of the operator may be apart before a refusal is blamed on them.
const clockTolerance = 5 * time.Minute

// clockHint says that a 401 may come from a clock, and how far it is off; empty where the clocks agree.
func ClockHint(err error) string {
	skew, known := acs.ClockSkew(err)
	if !known || skew.Abs() <= clockTolerance || !acs.HasStatus(err, http.StatusUnauthorized) {
		return ""
	}
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	return fmt.Sprintf("The clock of ACS is %d minutes %s the operator's: set the clock of the operator's node right.",
		int64(skew.Abs().Round(time.Minute)/time.Minute), side)
}

// proxyError is a proxy that does not let a connection through.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("the proxy answered %d", e.status) }

// checkProxyAnswer is for http.Transport, which would give only the words of the proxy.
func CheckProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{resp.StatusCode}
}

// isProxyUnreachable says that the proxy itself could not be reached.
func isProxyUnreachable(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "proxyconnect"
}

// whyNoAnswer completes a sentence on a call without an answer, after the name of who was asked. It names no
// address or port, which would change from pass to pass.
func WhyNoAnswer(err error) string {
	var dns *net.DNSError
	var netErr net.Error
	var proxy *proxyError
	switch {
	case errors.As(err, &proxy):
		return fmt.Sprintf("could not be reached (the proxy refused the connection: %d)", proxy.status)
	case isProxyUnreachable(err):
		return "could not be reached (the proxy does not answer)"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "could not be found (there is no such host in DNS)"
	case errors.As(err, &dns):
		return "could not be found (the name server does not answer)"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "did not answer in time"
	case errors.Is(err, acs.ErrNextLink):
		return "named a next page (nextLink) that the operator does not follow"
	case IsCertificateError(err):
		return "showed a certificate that is not trusted (flag --acs-ca-file)"
	default:
		return "could not be reached"
	}
}

// isUnsent says that a call failed before anything of it could reach ACS.
func IsUnsent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var proxy *proxyError
	return errors.As(err, &dns) || errors.As(err, &proxy) || isProxyUnreachable(err) || errors.As(err, &op) && op.Op == "dial" || IsCertificateError(err)
}

func IsCertificateError(err error) bool {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &host) || errors.As(err, &verify)
}
