// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// clockTolerance is how far the clocks of ACS and of the operator may be apart before a refusal is blamed on them.
const clockTolerance = 5 * time.Minute

// clockHint says that a 401 may come from a clock, and how far it is off; empty where the clocks agree.
func clockHint(err error) string {
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

// credentialRefusal is the 401 of ACS to the credential of a connection.
type credentialRefusal struct {
	// clock says that the clocks differ.
	clock string
}

func newCredentialRefusal(err error) *credentialRefusal {
	return &credentialRefusal{clock: clockHint(err)}
}

func (e *credentialRefusal) Error() string { return e.outcome().message }

func (e *credentialRefusal) outcome() outcome {
	const refuses = "ACS refuses the credential (401)."
	o := outcome{reason: chatv1alpha1.ReasonAuthenticationFailed, stalled: true,
		message: refuses + " Put the current connection string of the ACS resource into the Secret."}
	if e.clock != "" {
		o.message = refuses + " " + e.clock
		// By how much may differ from pass to pass by the rounding.
		o.gist = refuses + " The clock of ACS"
	}
	return o
}

// proxyError is a proxy that does not let a connection through.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("the proxy answered %d", e.status) }

// checkProxyAnswer is for http.Transport, which would give only the words of the proxy.
func checkProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
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
func whyNoAnswer(err error) string {
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
	case isCertificateError(err):
		return "showed a certificate that is not trusted (flag --acs-ca-file)"
	default:
		return "could not be reached"
	}
}

// isUnsent says that a call failed before anything of it could reach ACS.
func isUnsent(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	var proxy *proxyError
	return errors.As(err, &dns) || errors.As(err, &proxy) || isProxyUnreachable(err) || errors.As(err, &op) && op.Op == "dial" || isCertificateError(err)
}

// refusalLog writes down each call that was refused, with what Microsoft's support asks for.
type refusalLog struct{}

func (refusalLog) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	operation, _ := req.Raw().Context().Value(runtime.CtxAPINameKey{}).(string)
	fields := []any{operationField, operation, "status", resp.StatusCode}
	for _, header := range []struct{ field, name string }{{"msCV", "MS-CV"}, {"requestID", "x-ms-request-id"}} {
		if value := cut(resp.Header.Get(header.name), maxCode); value != "" {
			fields = append(fields, header.field, value)
		}
	}
	logger := ctrl.LoggerFrom(req.Raw().Context())
	// That nothing is there, and that calls come too fast, is often part of the work.
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusTooManyRequests {
		logger = logger.V(1)
	}
	logger.Info("A call to ACS was refused", fields...)
	return resp, err
}
