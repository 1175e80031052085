// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	// fragmentSize is the length of the fragments that identify a credential. Any 15 consecutive
	// characters of a credential contain a whole fragment.
	fragmentSize = 8
	// maxRefusalBody is the size of the longest refusal that is searched for fragments. The body of
	// a longer one is dropped: no error of the service comes near it.
	maxRefusalBody = 1 << 20
)

var errCredentialEchoed = errors.New("the answer repeats a credential, and is not shown")

// redactor removes credentials that a response echoes. The error page of a proxy may show the
// request that the proxy refused, and errors of this package end in logs. The policy runs for each
// try, behind authentication and the policies of the caller: it sees the credential of the request,
// and they see only redacted responses.
type redactor struct {
	accessKey Secret // zero for a client that authenticates with tokens
}

// bodyCredential is a credential in the body of a request.
type bodyCredential struct{ secret Secret }

// Do leaves the body and the headers of a success alone, since they may rightly hold a new token.
func (r *redactor) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if resp != nil {
		// The text of a status line is free, and errors show it.
		resp.Status = fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode))
	}
	if err == nil && resp.StatusCode < http.StatusMultipleChoices {
		return resp, nil
	}
	fragments := r.fragments(req)
	if resp != nil {
		redactHeader(resp.Header, fragments)
	}
	if err != nil {
		return resp, redactError(err, fragments)
	}
	if body, err := runtime.Payload(resp); err == nil && (len(body) > maxRefusalBody || echoes(string(body), fragments)) {
		resp.Body = http.NoBody
		// Reading the body marks it as downloaded for azcore.
		_, _ = runtime.Payload(resp)
	}
	return resp, nil
}

func redactHeader(header http.Header, fragments []string) {
	for name, values := range header {
		if echoes(strings.Join(values, "\n"), fragments) {
			header.Del(name)
		}
	}
}

// redactError keeps the one property of an error that azcore's retry policy needs: an error that
// must not be retried stays so.
func redactError(err error, fragments []string) error {
	if !echoes(err.Error(), fragments) {
		return err
	}
	if _, final := errors.AsType[nonRetriable](err); final {
		return &finalError{errCredentialEchoed}
	}
	return errCredentialEchoed
}

// nonRetriable is azcore's mark of an error that must not be retried.
type nonRetriable interface {
	error
	NonRetriable()
}

// fragments returns the fragments of all credentials that a response to the request may echo.
func (r *redactor) fragments(req *policy.Request) []string {
	authorization := req.Raw().Header.Get("Authorization")
	_, sent, isToken := strings.Cut(authorization, "Bearer ")
	if !isToken {
		_, sent, _ = strings.Cut(authorization, "Signature=")
	}
	var inBody bodyCredential
	req.OperationValue(&inBody)
	var fragments []string
	for _, credential := range []string{r.accessKey.Reveal(), sent, inBody.secret.Reveal()} {
		for len(credential) >= fragmentSize {
			fragments, credential = append(fragments, credential[:fragmentSize]), credential[fragmentSize:]
		}
	}
	return fragments
}

// echoes reports whether the text contains a fragment.
func echoes(text string, fragments []string) bool {
	for _, fragment := range fragments {
		if strings.Contains(text, fragment) {
			return true
		}
	}
	return false
}
