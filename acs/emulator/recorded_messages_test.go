// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// recordedCall is a call with the response that was recorded.
type recordedCall struct {
	name   string
	call   call
	status int
	keys   string         // of the body
	path   string         // of an object in it
	inner  string         // keys of that object
	value  map[string]any // by path in the body
}

const (
	systemMessage = "content createdOn id sequenceId type version"
	sentMessage   = "content createdOn id senderCommunicationIdentifier senderDisplayName sequenceId type version"
)

// recordedSent reads the first messages of a thread, and sends one.
func recordedSent(owner, thread, plain string) []recordedCall {
	return []recordedCall{
		{
			name: "the messages that a thread begins with", call: call{path: thread + "/messages"}, status: 200, keys: "value", path: "value.3", inner: systemMessage,
			value: map[string]any{
				"value.3.type": "participantAdded", "value.3.sequenceId": "1", "value.3.createdOn": "2026-03-04T05:06:07Z",
				"value.3.content.participants.0.communicationIdentifier.rawId":          owner,
				"value.3.content.participants.1.communicationIdentifier.rawId":          sampleUser,
				"value.3.content.participants.1.shareHistoryTime":                       "1970-01-01T00:00:00Z",
				"value.3.content.initiatorCommunicationIdentifier.rawId":                owner,
				"value.3.content.initiatorCommunicationIdentifier.kind":                 nil,
				"value.3.content.initiatorCommunicationIdentifier.communicationUser.id": owner,
				"value.2.type": "topicUpdated", "value.2.sequenceId": "2", "value.2.content.topic": "test topic",
				"value.2.content.initiatorCommunicationIdentifier.rawId": owner, "value.2.senderDisplayName": nil,
			},
		},
		{
			name: "one message", call: call{path: plain}, status: 200, keys: sentMessage, path: "content", inner: "message",
			value: map[string]any{
				"type": "text", "sequenceId": "3", "content.message": "Hello!", "senderDisplayName": "", "createdOn": "2026-03-04T05:06:09Z",
				"senderCommunicationIdentifier.rawId": owner,
			},
		},
		{name: "send", call: call{method: "POST", path: thread + "/messages", body: `{"content":"content","metadata":{"tags":"sometag"}}`}, status: 201, keys: "id"},
	}
}

// recordedChanges edits and deletes messages.
func recordedChanges(thread, plain, edited string) []recordedCall {
	return []recordedCall{
		{name: "edit", call: call{method: "PATCH", path: edited, body: `{"content":"Content for message 7 - updated"}`}, status: 204},
		{name: "delete", call: call{method: "DELETE", path: plain}, status: 204},
		{
			name: "a deleted message keeps its sequence id where it is read", call: call{path: plain}, status: 200,
			keys: "content createdOn deletedOn id senderCommunicationIdentifier senderDisplayName sequenceId type version", path: "content", inner: "message",
			value: map[string]any{"sequenceId": "3", "content.message": "", "createdOn": "2026-03-04T05:06:09Z", "deletedOn": "2026-03-04T05:06:09Z"},
		},
		{
			name: "changed messages come first, with new sequence ids, where they are listed", call: call{path: thread + "/messages?maxPageSize=3"}, status: 200,
			keys: "nextLink value", path: "value.1",
			inner: "content createdOn editedOn id metadata senderCommunicationIdentifier senderDisplayName sequenceId type version",
			value: map[string]any{
				"value.0.sequenceId": "7", "value.0.content.message": "", "value.0.deletedOn": "2026-03-04T05:06:09Z",
				"value.1.sequenceId": "6", "value.1.type": "html", "value.1.content.message": "Content for message 7 - updated",
				"value.1.editedOn": "2026-03-04T05:06:09Z", "value.1.metadata.key": "value key", "value.1.senderDisplayName": "DisplayName",
				"value.2.sequenceId": "5", "value.2.metadata.tags": "sometag",
			},
		},
	}
}

// recordedReceipts sends receipts and typing notifications, and removes a participant.
func recordedReceipts(thread, plain string) []recordedCall {
	return []recordedCall{
		{name: "no receipts", call: call{path: thread + "/readReceipts"}, status: 200, keys: "value"},
		{name: "a receipt", call: call{method: "POST", path: thread + "/readReceipts", body: `{"chatMessageId":"` + plain[strings.LastIndex(plain, "/")+1:] + `"}`}, status: 200},
		{name: "typing without a body", call: call{method: "POST", path: thread + "/typing"}, status: 200},
		{name: "typing", call: call{method: "POST", path: thread + "/typing", body: `{}`}, status: 200},
		{
			name: "remove", status: 204,
			call: call{method: "POST", path: thread + "/participants/:remove", body: `{"communicationUser":{"id":"` + sampleUser + `"}}`},
		},
		{
			name: "the removal is a message", call: call{path: thread + "/messages?maxPageSize=1"}, status: 200, keys: "nextLink value", path: "value.0", inner: systemMessage,
			value: map[string]any{
				"value.0.type": "participantRemoved", "value.0.sequenceId": "8",
				"value.0.content.participants.0.communicationIdentifier.rawId": sampleUser, "value.0.content.participants.1": nil,
			},
		},
		{
			name: "threads are listed with the time of the last message", call: call{path: "/chat/threads"}, status: 200, keys: "value",
			path: "value.0", inner: "id lastMessageReceivedOn topic", value: map[string]any{"value.0.lastMessageReceivedOn": "2026-03-04T05:06:09Z"},
		},
	}
}

// TestRecordedMessages compares messages, receipts and typing notifications of the emulator with
// public recordings of the service.
func TestRecordedMessages(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	owner, token := f.user()
	thread := f.thread(token, strings.Replace(participants(owner, sampleUser), "{", `{"topic":"test topic",`, 1))
	f.clock.advance(2 * time.Second)
	plain := f.message(token, thread, `{"content":"Hello!"}`)
	edited := f.message(token, thread, `{"content":"Content for message 7","type":"html","senderDisplayName":"DisplayName","metadata":{"key":"value key"}}`)
	for _, test := range slices.Concat(
		recordedSent(owner, thread, plain), recordedChanges(thread, plain, edited), recordedReceipts(thread, plain),
	) {
		if test.call.method == "" {
			test.call.method = http.MethodGet
		}
		test.call.token = token
		r := f.send(test.call)
		if r.status != test.status || keysOf(r.field()) != test.keys {
			t.Errorf("%s: %d %s; want %d with %q", test.name, r.status, r.body, test.status, test.keys)
		}
		if r.body == "" && r.status == 200 && r.header.Get("Content-Length") != "0" {
			t.Errorf("%s: no Content-Length", test.name)
		}
		if test.path != "" && keysOf(f.at(r, test.path)) != test.inner {
			t.Errorf("%s: %s has %q, want %q", test.name, test.path, keysOf(f.at(r, test.path)), test.inner)
		}
		f.wants(r, test.value)
		for _, header := range []string{"MS-CV", "Strict-Transport-Security", "X-Cache", "X-Processing-Time", "api-supported-versions", "Access-Control-Expose-Headers"} {
			if r.header.Get(header) == "" {
				t.Errorf("%s: no %s", test.name, header)
			}
		}
	}
}
