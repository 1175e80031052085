// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

const (
	messageID   = "1697712387445"
	messagePath = threadPath + "/messages/" + messageID
)

// messageCalls are the calls for messages.
func messageCalls() map[string]wireTest {
	return map[string]wireTest{
		"ThreadClient.SendMessage": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).SendMessage(ctx, "<b>Hi</b> & \"bye\" \u2028", &acs.SendMessageOptions{
					Type: acs.MessageHTML, SenderDisplayName: "Alice", Metadata: map[string]string{"k": "v"},
				})
				return err
			},
			method: "POST", uri: threadPath + "/messages?api-version=2025-03-15", contentType: "application/json",
			body: `{"content":"\u003cb\u003eHi\u003c/b\u003e \u0026 \"bye\" \u2028","type":"html",` +
				`"senderDisplayName":"Alice","metadata":{"k":"v"}}`,
			reply: reply{status: 201, body: `{"id":"` + messageID + `"}`},
		},
		"ThreadClient.GetMessage": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).GetMessage(ctx, messageID, &acs.GetMessageOptions{})
				return err
			},
			method: "GET", uri: messagePath + "?api-version=2025-03-15",
			reply: reply{status: 200, body: `{"id":"` + messageID + `"}`},
		},
		"ThreadClient.ListMessages": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).NewListMessagesPager(&acs.ListMessagesOptions{MaxPageSize: 200, StartTime: sampleTime}).NextPage(ctx)
				return err
			},
			method: "GET", uri: threadPath + "/messages?api-version=2025-03-15&maxPageSize=200&startTime=2026-03-04T04%3A06%3A07.891Z",
			reply: reply{status: 200, body: list},
		},
		"ThreadClient.UpdateMessage": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).UpdateMessage(ctx, messageID, &acs.UpdateMessageOptions{
					Content: new(""), Metadata: map[string]string{"k": ""},
				})
				return err
			},
			method: "PATCH", uri: messagePath + "?api-version=2025-03-15", contentType: "application/merge-patch+json",
			body: `{"content":"","metadata":{"k":""}}`, reply: reply{status: 204},
		},
		"ThreadClient.DeleteMessage": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).DeleteMessage(ctx, messageID, &acs.DeleteMessageOptions{})
				return err
			},
			method: "DELETE", uri: messagePath + "?api-version=2025-03-15", reply: reply{status: 204},
		},
	}
}

// notificationCalls are the calls for read receipts and typing notifications.
func notificationCalls() map[string]wireTest {
	return map[string]wireTest{
		"ThreadClient.SendReadReceipt": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).SendReadReceipt(ctx, messageID, &acs.SendReadReceiptOptions{})
				return err
			},
			method: "POST", uri: threadPath + "/readReceipts?api-version=2025-03-15", contentType: "application/json",
			body: `{"chatMessageId":"` + messageID + `"}`, reply: reply{status: 200},
		},
		"ThreadClient.ListReadReceipts": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).NewListReadReceiptsPager(&acs.ListReadReceiptsOptions{MaxPageSize: 2, Skip: 4}).NextPage(ctx)
				return err
			},
			method: "GET", uri: threadPath + "/readReceipts?api-version=2025-03-15&maxPageSize=2&skip=4",
			reply: reply{status: 200, body: list},
		},
		"ThreadClient.SendTypingNotification": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).SendTypingNotification(ctx, &acs.SendTypingNotificationOptions{SenderDisplayName: "Alice"})
				return err
			},
			method: "POST", uri: threadPath + "/typing?api-version=2025-03-15", contentType: "application/json",
			body: `{"senderDisplayName":"Alice"}`, reply: reply{status: 200},
		},
	}
}

// identityCalls are the calls that delete, revoke or exchange something.
func identityCalls() map[string]wireTest {
	return map[string]wireTest{
		"IdentityClient.RevokeTokens": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.identity(t).RevokeTokens(ctx, alice, &acs.RevokeTokensOptions{})
				return err
			},
			method: "POST", uri: "/identities/" + alicePath + "/:revokeAccessTokens?api-version=2023-10-01", reply: reply{status: 204},
		},
		"IdentityClient.DeleteUser": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.identity(t).DeleteUser(ctx, alice, &acs.DeleteUserOptions{})
				return err
			},
			method: "DELETE", uri: "/identities/" + alicePath + "?api-version=2023-10-01", reply: reply{status: 204},
		},
		"IdentityClient.ExchangeTeamsUserToken": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.identity(t).ExchangeTeamsUserToken(ctx, acs.NewSecret(entraToken), "an app", "a user",
					&acs.ExchangeTeamsUserTokenOptions{})
				return err
			},
			method: "POST", uri: "/teamsUser/:exchangeAccessToken?api-version=2023-10-01", contentType: "application/json",
			body:  `{"token":"` + entraToken + `","appId":"an app","userId":"a user"}`,
			reply: reply{status: 200, body: issuedToken},
		},
	}
}
