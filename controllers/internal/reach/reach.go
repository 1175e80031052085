// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package reach says why ACS could not be reached, in words for a status: DNS, proxy, certificate,
// clock.
//
// It only reads errors. Whether and when a call is tried again is for outcome to decide.
package reach

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

// clockTolerance is the largest difference between the clocks of ACS and of the operator that does
// not explain a refusal.
const clockTolerance = 5 * time.Minute

// ClockHint explains a 401 by a wrong clock and names the difference. It is empty if the clocks
// agree.
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

// proxyError is the answer of a proxy that refuses a connection.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("the proxy answered %d", e.status) }

// CheckProxyAnswer is for http.Transport, which would return only the text of the proxy.
func CheckProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{resp.StatusCode}
}

// isProxyUnreachable reports whether the proxy itself could not be reached.
func isProxyUnreachable(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "proxyconnect"
}

// Why completes a sentence on a call without an answer. The sentence begins with the name
// of the server. The text has no address and no port, because these would differ between
// reconciles.
func Why(err error) string {
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

// IsUnsent reports whether a call failed before any part of it could reach ACS.
func IsUnsent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var proxy *proxyError
	return errors.As(err, &dns) || errors.As(err, &proxy) || isProxyUnreachable(err) || errors.As(err, &op) && op.Op == "dial" || IsCertificateError(err)
}

// IsCertificateError reports whether a call failed because the certificate of the server is not
// trusted.
func IsCertificateError(err error) bool {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &host) || errors.As(err, &verify)
}
