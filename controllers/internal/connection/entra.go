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
)

const (
	// maxEntraWords is how much is told of what Entra says. It names the subject that it did not find a federated
	// credential for, which is what people need.
	maxEntraWords = 768
	// entraHost is who is asked for tokens where nobody was asked yet.
	entraHost = "login.microsoftonline.com"
)

// entraError is why Microsoft Entra gave no token. ACS was not asked, and is not to be blamed.
type entraError struct {
	// host was asked, and answered with status; zero says that no answer came, or that nobody was asked.
	host   string
	status int
	// code and words are what Entra said.
	code, words string
	// unreached is why no answer came, and local what is wrong with the operator's own identity, so that nobody
	// was asked.
	unreached error
	local     string
}

func (e *entraError) Error() string { return e.Outcome().Message }

func (e *entraError) Unwrap() error { return e.unreached }

// NonRetriable tells azcore that whatever helped was tried.
func (e *entraError) NonRetriable() {}

func (e *entraError) Outcome() outcome.Outcome {
	unavailable := func(what string) outcome.Outcome {
		return outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Err: e,
			Message: fmt.Sprintf("Microsoft Entra (%s) %s when asked for a token for the operator; the operator tries again.", e.host, what)}
	}
	switch {
	case e.unreached != nil:
		return unavailable(outcome.WhyNoAnswer(e.unreached))
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

// entraCredential is the operator's own identity. It says of an error whose it is.
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

// entraWords are the code and the description in an answer of Entra, without the ids and times at its end, which
// differ each time. Both are empty where it is no answer of Entra.
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

// entraCall is the last call on the way to a token: azidentity keeps of an error only the words.
type entraCall struct {
	host string
	err  error
}

// entraTransport notes what came of the calls for a token.
type entraTransport struct{ next *http.Client }

func (t *entraTransport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.next.Do(req) //nolint:gosec // azidentity makes the request; its host is that of the cloud that Azure names.
	if seen, ok := req.Context().Value(entraCallKey{}).(*entraCall); ok {
		seen.host, seen.err = req.URL.Host, err
	}
	return resp, err
}
