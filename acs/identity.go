// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// entraScope has two slashes: the first belongs to the name of the resource.
const entraScope = "https://communication.azure.com//.default"

// IdentityClient creates and deletes users of a Communication Services resource, and issues and
// revokes their tokens. It is safe for concurrent use.
type IdentityClient struct {
	client *client
}

// NewIdentityClient returns a client that authenticates with Microsoft Entra. The endpoint is that
// of the resource, such as https://contoso.communication.azure.com. The error reports invalid
// arguments; no call is made.
func NewIdentityClient(endpoint string, cred azcore.TokenCredential, options *ClientOptions) (*IdentityClient, error) {
	if cred == nil {
		return nil, errors.New("credential is nil")
	}
	authenticate := runtime.NewBearerTokenPolicy(cred, []string{entraScope}, &policy.BearerTokenOptions{
		InsecureAllowCredentialWithHTTP: options.withDefaults().InsecureAllowCredentialWithHTTP,
	})
	return newIdentityClient(endpoint, authentication{policy: authenticate}, options)
}

// NewIdentityClientWithAccessKey returns a client that signs its requests with one of the
// resource's access keys, in base64. The error reports invalid arguments; no call is made.
func NewIdentityClientWithAccessKey(endpoint string, accessKey Secret, options *ClientOptions) (*IdentityClient, error) {
	authenticate, err := newHMACPolicy(accessKey)
	if err != nil {
		return nil, err
	}
	return newIdentityClient(endpoint, authentication{policy: authenticate, accessKey: accessKey}, options)
}

// NewIdentityClientFromConnectionString returns a client for the endpoint and access key of a
// connection string. The error is that of [ParseConnectionString] or
// [NewIdentityClientWithAccessKey]; no call is made.
func NewIdentityClientFromConnectionString(connectionString string, options *ClientOptions) (*IdentityClient, error) {
	parsed, err := ParseConnectionString(connectionString)
	if err != nil {
		return nil, err
	}
	return NewIdentityClientWithAccessKey(parsed.Endpoint, parsed.AccessKey, options)
}

func newIdentityClient(endpoint string, auth authentication, options *ClientOptions) (*IdentityClient, error) {
	c, err := newClient(endpoint, identityAPIVersion, auth, options)
	if err != nil {
		return nil, err
	}
	return &IdentityClient{client: c}, nil
}

// TokenScope is a permission of a token.
type TokenScope string

// The scopes of tokens.
const (
	ScopeChat            TokenScope = "chat"              // everything in chat
	ScopeChatJoin        TokenScope = "chat.join"         // like chat, but not to create, update or delete threads
	ScopeChatJoinLimited TokenScope = "chat.join.limited" // like chat.join, but not to add or remove participants
	ScopeVoIP            TokenScope = "voip"              // calls
	ScopeVoIPJoin        TokenScope = "voip.join"         // to join calls, not to start them
)

// AccessToken is a user's token for the Chat service, with the time of its expiry.
type AccessToken struct {
	Token     Secret
	ExpiresOn time.Time
}

// CreateUserOptions are the options of [IdentityClient.CreateUser].
type CreateUserOptions struct {
	// TokenScopes requests a first token with these scopes. Empty: no token.
	TokenScopes []TokenScope
	// TokenExpiresIn is the lifetime of that token: whole minutes, from 1 hour to 24 hours. Zero
	// means the service's default, 24 hours.
	TokenExpiresIn time.Duration
}

// CreateUserResponse is the result of [IdentityClient.CreateUser].
type CreateUserResponse struct {
	ID    string       // the user's raw id, 8:acs:…
	Token *AccessToken // nil unless TokenScopes requests it
}

// CreateUser creates a user, and with TokenScopes a token as well. A repeated call creates another
// user, also if azcore repeats it after a lost response. The quota is 1,000 in 30 seconds. A
// TokenExpiresIn that is out of bounds is a 400 with [CodeValidationError].
//
// See https://learn.microsoft.com/rest/api/communication/identity/communication-identity/create.
func (c *IdentityClient) CreateUser(ctx context.Context, options *CreateUserOptions) (CreateUserResponse, error) {
	if options == nil {
		options = &CreateUserOptions{}
	}
	const name = "IdentityClient.CreateUser"
	minutes, err := wholeMinutes(options.TokenExpiresIn)
	if err != nil {
		return CreateUserResponse{}, fmt.Errorf("%s: %w", name, err)
	}
	var created wireCreatedUser
	err = c.client.call(ctx, operation{
		name:   name,
		method: http.MethodPost,
		path:   "/identities",
		body:   wireCreateUser{CreateTokenWithScopes: options.TokenScopes, ExpiresInMinutes: minutes},
		status: http.StatusCreated,
	}, &created)
	if err != nil {
		return CreateUserResponse{}, err
	}
	response := CreateUserResponse{ID: created.Identity.ID}
	if created.AccessToken != nil {
		token := created.AccessToken.value()
		response.Token = &token
	}
	return response, nil
}

// IssueTokenOptions are the options of [IdentityClient.IssueToken].
type IssueTokenOptions struct {
	// ExpiresIn is the lifetime of the token: whole minutes, from 1 hour to 24 hours. Zero means
	// the service's default, 24 hours.
	ExpiresIn time.Duration
}

// IssueTokenResponse is the result of [IdentityClient.IssueToken].
type IssueTokenResponse struct {
	AccessToken
}

// IssueToken issues a token for a user of this resource, named by its raw id. Tokens issued before
// stay valid. All of them become invalid when the access key in use is regenerated. The quota is
// 1,000 in 30 seconds. An ExpiresIn that is out of bounds is a 400 with [CodeValidationError].
//
// See
// https://learn.microsoft.com/rest/api/communication/identity/communication-identity/issue-access-token.
func (c *IdentityClient) IssueToken(ctx context.Context, userID string, scopes []TokenScope, options *IssueTokenOptions) (IssueTokenResponse, error) {
	if options == nil {
		options = &IssueTokenOptions{}
	}
	const name = "IdentityClient.IssueToken"
	minutes, err := wholeMinutes(options.ExpiresIn)
	if err != nil {
		return IssueTokenResponse{}, fmt.Errorf("%s: %w", name, err)
	}
	var issued wireToken
	err = c.callUser(ctx, userID, operation{
		name:   name,
		method: http.MethodPost,
		path:   "/:issueAccessToken",
		body:   wireIssueToken{Scopes: scopes, ExpiresInMinutes: minutes},
		status: http.StatusOK,
	}, &issued)
	if err != nil {
		return IssueTokenResponse{}, err
	}
	return IssueTokenResponse{AccessToken: issued.value()}, nil
}

// ExchangeTeamsUserTokenOptions are the options of [IdentityClient.ExchangeTeamsUserToken]. There
// are none yet.
type ExchangeTeamsUserTokenOptions struct{}

// ExchangeTeamsUserTokenResponse is the result of [IdentityClient.ExchangeTeamsUserToken].
type ExchangeTeamsUserTokenResponse struct {
	AccessToken
}

// ExchangeTeamsUserToken exchanges the Entra token of a Teams user for a token for Communication
// Services; both expire at the same time. The application appID must have got the Entra token for
// the user with the Entra object id userID; any other token is refused. The quota is 500 in 30
// seconds.
//
// See
// https://learn.microsoft.com/rest/api/communication/identity/communication-identity/exchange-teams-user-access-token.
func (c *IdentityClient) ExchangeTeamsUserToken(ctx context.Context, entraToken Secret, appID, userID string, _ *ExchangeTeamsUserTokenOptions) (ExchangeTeamsUserTokenResponse, error) {
	var exchanged wireToken
	err := c.client.call(ctx, operation{
		name:   "IdentityClient.ExchangeTeamsUserToken",
		method: http.MethodPost,
		path:   "/teamsUser/:exchangeAccessToken",
		body:   wireExchangeToken{Token: entraToken.Reveal(), AppID: appID, UserID: userID},
		secret: entraToken,
		status: http.StatusOK,
	}, &exchanged)
	if err != nil {
		return ExchangeTeamsUserTokenResponse{}, err
	}
	return ExchangeTeamsUserTokenResponse{AccessToken: exchanged.value()}, nil
}

// RevokeTokensOptions are the options of [IdentityClient.RevokeTokens]. There are none yet.
type RevokeTokensOptions struct{}

// RevokeTokensResponse is the result of [IdentityClient.RevokeTokens].
type RevokeTokensResponse struct{}

// RevokeTokens revokes all present tokens of a user, which can take 15 minutes; new ones can be
// issued at once. A user that does not exist is a 404. The quota is 500 in 30 seconds.
//
// See
// https://learn.microsoft.com/rest/api/communication/identity/communication-identity/revoke-access-tokens.
func (c *IdentityClient) RevokeTokens(ctx context.Context, userID string, _ *RevokeTokensOptions) (RevokeTokensResponse, error) {
	return RevokeTokensResponse{}, c.callUser(ctx, userID, operation{
		name:   "IdentityClient.RevokeTokens",
		method: http.MethodPost,
		path:   "/:revokeAccessTokens",
		status: http.StatusNoContent,
	}, nil)
}

// DeleteUserOptions are the options of [IdentityClient.DeleteUser]. There are none yet.
type DeleteUserOptions struct{}

// DeleteUserResponse is the result of [IdentityClient.DeleteUser].
type DeleteUserResponse struct{}

// DeleteUser deletes a user with its tokens and the data associated with it; as far as is known,
// this also removes it from its threads. The service may take many seconds to respond. A user that
// does not exist is a 404. The quota is 500 in 30 seconds.
//
// See https://learn.microsoft.com/rest/api/communication/identity/communication-identity/delete.
func (c *IdentityClient) DeleteUser(ctx context.Context, userID string, _ *DeleteUserOptions) (DeleteUserResponse, error) {
	return DeleteUserResponse{}, c.callUser(ctx, userID, operation{
		name:   "IdentityClient.DeleteUser",
		method: http.MethodDelete,
		status: http.StatusNoContent,
	}, nil)
}

// callUser performs an operation whose path begins below the user.
func (c *IdentityClient) callUser(ctx context.Context, userID string, op operation, out answer) error {
	user, err := escape("user id", userID)
	if err != nil {
		return fmt.Errorf("%s: %w", op.name, err)
	}
	op.path = "/identities/" + user + op.path
	return c.client.call(ctx, op, out)
}

// wholeMinutes refuses a duration that the service's unit cannot express; the service checks the
// bounds.
func wholeMinutes(d time.Duration) (int64, error) {
	if d%time.Minute != 0 {
		return 0, fmt.Errorf("token lifetime %s is not in whole minutes", d)
	}
	return int64(d / time.Minute), nil
}
