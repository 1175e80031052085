// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

/*
Package acs is a client for the Chat and the Identity service of Azure Communication Services.

It is built on azcore: pipelines, retries, pagers, tracing and [azcore.ResponseError] work as in the
Azure SDK for Go. All clients are safe for concurrent use.

# Two services, two kinds of credential

The Identity service creates and deletes users, and issues and revokes their tokens. It accepts the
resource's access key, found in its connection string, or a Microsoft Entra credential:

	identity, err := acs.NewIdentityClientFromConnectionString(connectionString, nil)
	user, err := identity.CreateUser(ctx, nil)

The Chat service accepts neither, only the token of a user, and every call is made on behalf of that
user. Tokens live for 24 hours at most, so a [UserCredential] requests a new one in time:

	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := identity.IssueToken(ctx, user.ID, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	chat, err := acs.NewChatClient(endpoint, credential, nil)

# Threads and participants

The user that creates a thread is its participant. One call adds at most 200 participants, and a
thread has at most 250. They are removed one by one:

	created, err := chat.CreateThread(ctx, "Weekly", nil)
	thread := chat.ThreadClient(created.Thread.ID)
	_, err = thread.AddParticipants(ctx, []acs.Participant{{ID: acs.ParseRawID(userID)}}, nil)

Lists come in pages:

	for pager := thread.NewListParticipantsPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		...
	}

# Messages

A participant of a thread sends and reads its messages, and can notify the others that it has read a
message or is typing. Only the sender may edit or delete a message:

	sent, err := thread.SendMessage(ctx, "Hello", &acs.SendMessageOptions{SenderDisplayName: "Ada"})
	_, err = thread.UpdateMessage(ctx, sent.ID, &acs.UpdateMessageOptions{Content: new("Hello all")})
	_, err = thread.SendReadReceipt(ctx, sent.ID, nil)

The service writes messages of its own when a thread changes: see [MessageType]. Realtime
notifications are not part of the REST API, and so not of this package.

# New features of the service

Types, kinds and fields that the service may add later are not errors. An identifier of a kind that
this package does not know is an [Unknown] with its raw id unchanged. [MessageType],
[AttachmentType] and [ErrorCode] may have values other than the constants, and [Message] has its
JSON in Raw. The whole response to any call is available with azcore's policy.WithCaptureResponse
and runtime.Payload.

# Errors

A refusal is an [*azcore.ResponseError]. A response that is cut off, too long, too late or invalid
is one as well, besides its other error, since its status is known. The Chat service wraps its
errors differently from its documentation; ErrorCode is filled in from all forms that it is known to
use. [HasStatus] and [HasCode] identify the refusal, [Detail] returns the explanation of the
service, [RetryAfter] the time to wait, and [ClockSkew] the error of a clock. A refusal by something
between the client and the service, such as a proxy, is not a refusal of the service: see
[IsForeign].

A 429 is never retried inside a call, because refused retries count against the quota too. If there
is no token to make a call with, the error is a [*TokenError]; if an id in the call cannot be sent,
it is [ErrInvalidID]. Adding participants can succeed in part: the error is then an
[*InvalidParticipantsError], and the other participants are added.

No error, and nothing this package prints, holds a credential; see [Secret]. If a refusal repeats a
credential of its request, as the error page of a proxy may do, its body and the headers concerned
are dropped. A body of more than 1 MiB is dropped, too.

The service's own documentation is at https://learn.microsoft.com/rest/api/communication/.
*/
package acs
