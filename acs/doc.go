// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

/*
Package acs is a client for the Chat and the Identity service of Azure Communication Services.

It is built on azcore: pipelines, retries, pagers, tracing and [azcore.ResponseError] work as in
the Azure SDK for Go. All clients are safe for concurrent use.

# Two services, two kinds of credential

The Identity service creates and deletes users, and issues and revokes their tokens. It is asked
with the resource's access key, found in its connection string, or with a Microsoft Entra credential:

	identity, err := acs.NewIdentityClientFromConnectionString(connectionString, nil)
	user, err := identity.CreateUser(ctx, nil)

The Chat service knows neither: it accepts only the token of a user, and every call is made in that
user's name. Tokens live for 24 hours at most, so a [UserCredential] asks for a new one in time:

	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := identity.IssueToken(ctx, user.ID, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	chat, err := acs.NewChatClient(endpoint, credential, nil)

# Threads and participants

Whoever creates a thread is its participant. A participant is added with at most 200 others per
call, to at most 250 in a thread, and is removed alone:

	created, err := chat.CreateThread(ctx, "Weekly", nil)
	thread := chat.ThreadClient(created.Thread.ID)
	_, err = thread.AddParticipants(ctx, []acs.Participant{{ID: acs.ParseRawID(userID)}}, nil)

Lists come in pages:

	for pager := thread.NewListParticipantsPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		...
	}

# Messages

Whoever takes part in a thread sends and reads its messages, and tells the others what it has read
and that it is writing. Only the sender may edit or delete a message:

	sent, err := thread.SendMessage(ctx, "Hello", &acs.SendMessageOptions{SenderDisplayName: "Ada"})
	_, err = thread.UpdateMessage(ctx, sent.ID, &acs.UpdateMessageOptions{Content: new("Hello all")})
	_, err = thread.SendReadReceipt(ctx, sent.ID, nil)

The service writes messages of its own when a thread changes: see [MessageType]. Realtime
notifications are no part of the REST API, and so not of this package.

# What is new

Types, kinds and fields that the service may add later are no error. An identifier of a kind this
package does not know is an [Unknown] with its raw id as it came; [MessageType], [AttachmentType]
and [ErrorCode] may have other values than the constants; [Message] has its JSON in Raw. The whole
answer to any call is there with azcore's policy.WithCaptureResponse and runtime.Payload.

# Errors

A refusal is an [*azcore.ResponseError]. So is, besides what else it is, an answer that is cut off,
too long, too late or not to be understood: its status is known. The Chat service wraps its errors
otherwise than its documentation says; ErrorCode is filled in from all forms it is known to use.
[HasStatus] and [HasCode] ask what it was, [Detail] has what the service says about it, [RetryAfter]
when to come again, [ClockSkew] whether a clock is wrong. What something between the client and the
service refused is no refusal of the service: see [IsForeign].

A 429 is never retried inside a call, because retries that are refused count against the quota too.
When there is no token to make a call with, the error is a [*TokenError], and [ErrInvalidID] when an
id in it cannot be sent. Adding participants can succeed in part: the error is then an
[*InvalidParticipantsError], and the others are in.

No error, and nothing this package prints, holds a credential; see [Secret]. A refusal that repeats
a credential of its request, such as the error page of a proxy, loses its body, and each header
loses its value that does so. A body of more than 1 MiB is lost, too.

The service's own documentation is at https://learn.microsoft.com/rest/api/communication/.
*/
package acs
