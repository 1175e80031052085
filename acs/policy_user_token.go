// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// userTokenPolicy adds the user's token to each try. A token can become invalid before it expires,
// by a new access key or a revocation. So the first 401 of a call is repeated with a new token.
// azcore's own bearer policy does that only on a challenge, and the service sends none.
type userTokenPolicy struct {
	credential *UserCredential
}

// tokenRenewed marks a call with a token that was already renewed after a 401.
type tokenRenewed bool

func (p *userTokenPolicy) Do(req *policy.Request) (*http.Response, error) {
	token, err := p.credential.Token(req.Raw().Context())
	if err != nil {
		// The credential has already retried the calls that get a token.
		return nil, &finalError{&TokenError{Err: err}}
	}
	authorize(req, token)
	resp, err := req.Next()
	var renewed tokenRenewed
	if err != nil || resp.StatusCode != http.StatusUnauthorized || req.OperationValue(&renewed) {
		return resp, err
	}
	req.SetOperationValue(tokenRenewed(true))
	p.credential.Invalidate(token)
	fresh, err := p.credential.Token(req.Raw().Context())
	if err != nil {
		return nil, &finalError{&TokenError{Err: err}}
	}
	if fresh.Token == token.Token {
		return resp, nil
	}
	again := req.Clone(req.Raw().Context())
	if err := again.RewindBody(); err != nil {
		return nil, fmt.Errorf("rewind request body: %w", err)
	}
	authorize(again, fresh)
	return again.Next()
}

func authorize(req *policy.Request, token AccessToken) {
	req.Raw().Header.Set("Authorization", "Bearer "+token.Token.Reveal())
}
