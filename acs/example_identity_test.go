// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// A user and its first token in one call.
func ExampleIdentityClient_CreateUser() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	user, err := f.identity.CreateUser(ctx, &acs.CreateUserOptions{
		TokenScopes:    []acs.TokenScope{acs.ScopeChat},
		TokenExpiresIn: time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(user.ID[:6], user.Token.Token, time.Until(user.Token.ExpiresOn) > 50*time.Minute)
	// Output: 8:acs: [redacted] true
}

// A token for taking part in threads, but not for creating or changing them.
func ExampleIdentityClient_IssueToken() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	issued, err := f.identity.IssueToken(ctx, f.userID, []acs.TokenScope{acs.ScopeChatJoinLimited},
		&acs.IssueTokenOptions{ExpiresIn: 2 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(issued.Token, time.Until(issued.ExpiresOn) > 110*time.Minute)
	// Output: [redacted] true
}

// RevokeTokens invalidates all tokens of a user.
func ExampleIdentityClient_RevokeTokens() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	if _, err := f.identity.RevokeTokens(ctx, f.userID, nil); err != nil {
		fmt.Println(err)
		return
	}
	_, err := f.chat.CreateThread(ctx, "Weekly", nil)
	fmt.Println(acs.HasStatus(err, http.StatusUnauthorized))
	// Output: true
}

// Deleting a user also deletes its tokens.
func ExampleIdentityClient_DeleteUser() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	if _, err := f.identity.DeleteUser(ctx, f.guest, nil); err != nil {
		fmt.Println(err)
		return
	}
	_, err := f.guestChat.CreateThread(ctx, "Weekly", nil)
	fmt.Println(acs.HasStatus(err, http.StatusUnauthorized))
	// Output: true
}

// The Entra token of a Teams user is exchanged for a token for Communication Services.
func ExampleIdentityClient_ExchangeTeamsUserToken() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	entraToken := acs.NewSecret("an Entra token") // from the Microsoft Authentication Library
	const app, user = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	exchanged, err := f.identity.ExchangeTeamsUserToken(ctx, entraToken, app, user, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(exchanged.Token, time.Now().Before(exchanged.ExpiresOn))
	// Output: [redacted] true
}
