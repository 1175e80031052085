// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

const (
	// maxEntraWords is how much of an answer of Entra is shown. It names the subject that has no
	// federated credential, which people need.
	maxEntraWords = 768
	// entraHost is the host that is named if no host was asked for a token yet.
	entraHost = "login.microsoftonline.com"
)

// entraError says why Microsoft Entra issued no token. ACS was not called.
type entraError struct {
	// host was asked, and answered with status; zero means no answer, or that no host was asked.
	host   string
	status int
	// code and words are the answer of Entra.
	code, words string
	// unreached is why no answer came. local is the fault of the operator's own identity because of
	// which no host was asked.
	unreached error
	local     string
}

func (e *entraError) Error() string { return e.Outcome().Message }

func (e *entraError) Unwrap() error { return e.unreached }

// NonRetriable stops azcore from trying again: azidentity has already done so.
func (e *entraError) NonRetriable() {}

// Outcome states the problem, and names Entra.
func (e *entraError) Outcome() outcome.Outcome {
	unavailable := func(what string) outcome.Outcome {
		return outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Err: e,
			Message: fmt.Sprintf("Microsoft Entra (%s) %s when asked for a token for the operator; the operator tries again.", e.host, what)}
	}
	switch {
	case e.unreached != nil:
		return unavailable(reach.Why(e.unreached))
	case e.status == 0:
		return outcome.Outcome{Reason: chatv1alpha1.ReasonAuthenticationFailed, Stalled: true,
			Message: "The operator has no token for Microsoft Entra: " + outcome.Sanitize(e.local, outcome.MaxMessage) + "."}
	case e.status >= http.StatusInternalServerError, e.status == http.StatusTooManyRequests, e.status == http.StatusRequestTimeout:
		return unavailable(fmt.Sprintf("is in trouble (%d)", e.status))
	case e.code == "":
		return unavailable(fmt.Sprintf("was not reached: something in between answered (%d)", e.status))
	default:
		gist := "Microsoft Entra refused the operator's identity (" + outcome.Sanitize(e.code, outcome.MaxCode)
		return outcome.Outcome{Reason: chatv1alpha1.ReasonAuthenticationFailed, Stalled: true, StablePrefix: gist,
			Message: gist + ": " + strings.TrimSuffix(outcome.Sanitize(e.words, maxEntraWords), ".") + ")."}
	}
}

// entraCredential is the operator's own identity. Its errors name Entra, not ACS.
type entraCredential struct{ identity azcore.TokenCredential }

// newEntraCredential makes the workload identity of a connection.
func newEntraCredential(transport *http.Client, timeout time.Duration, entra *chatv1alpha1.EntraIdentity) (*entraCredential, error) {
	identity, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: &entraTransport{transport}, Retry: retryOptions(timeout)},
		ClientID:      entra.ClientID,
		TenantID:      entra.TenantID,
	})
	if err != nil {
		return nil, err
	}
	return &entraCredential{identity}, nil
}

// GetToken returns a token, or an entraError.
func (c *entraCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	seen := &entraCall{host: entraHost}
	token, err := c.identity.GetToken(context.WithValue(ctx, entraCallKey{}, seen), options)
	switch {
	case err == nil:
		return token, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return token, ctx.Err()
	}
	e := &entraError{host: seen.host, unreached: seen.err}
	refused, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	switch {
	case ok && refused.RawResponse != nil:
		e.unreached = nil
		e.status = refused.RawResponse.StatusCode
		e.code, e.words = entraWords(refused.RawResponse)
	case e.unreached == nil:
		said := err.Error()
		e.local = strings.TrimSuffix(said, ".")
	}
	return token, e
}

// entraWords returns the code and the description in an answer of Entra, without the ids and times
// at its end, which differ each time. Both are empty if it is no answer of Entra.
func entraWords(resp *http.Response) (code, words string) {
	body, err := runtime.Payload(resp)
	if err != nil {
		return "", ""
	}
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		return "", ""
	}
	words, _, _ = strings.Cut(said.Description, "Trace ID:")
	code, rest, ok := strings.Cut(words, ": ")
	if !ok || strings.Contains(code, " ") {
		return said.Error, cmp.Or(strings.TrimSpace(words), "no description")
	}
	return code, strings.TrimSpace(rest)
}

type entraCallKey struct{}

// entraCall is the last call for a token: azidentity keeps only the text of its error.
type entraCall struct {
	host string
	err  error
}

// entraTransport records the result of the calls for a token.
type entraTransport struct{ next *http.Client }

func (t *entraTransport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.next.Do(req) //nolint:gosec // azidentity makes the request, for the host of the cloud
	if seen, ok := req.Context().Value(entraCallKey{}).(*entraCall); ok {
		seen.host, seen.err = req.URL.Host, err
	}
	return resp, err
}
