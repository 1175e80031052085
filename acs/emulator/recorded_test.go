// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// recordedAnswer is a call with the response that was recorded.
type recordedAnswer struct {
	name   string
	call   call
	status int
	keys   string // of the body
	within string // one of those names
	inner  string // its keys, or those of its first element
	value  map[string]any
}

const forbiddenMessage = "The initiator doesn't have the permission to perform the requested operation."

// recordedRefusals has calls that are refused.
func recordedRefusals(thread, stranger string) []recordedAnswer {
	return []recordedAnswer{
		{
			name: "a thread that does not exist", call: call{path: "/chat/threads/19:00000000000000000000000000000000@thread.v2"},
			status: 404, keys: "CommunicationError", within: "CommunicationError", inner: "Code Details Message",
			value: map[string]any{"Code": "NotFound", "Message": "The specified thread id was not found."},
		},
		{
			name: "a malformed thread id", call: call{path: "/chat/threads/sanitized/participants"},
			status: 404, keys: "CommunicationError", within: "CommunicationError", inner: "Code Details", value: map[string]any{"Code": "NotFound"},
		},
		{
			name: "not a participant", call: call{path: thread, token: stranger},
			status: 403, keys: "CommunicationError", within: "CommunicationError", inner: "Code Details Message",
			value: map[string]any{"Code": "Forbidden", "Message": forbiddenMessage},
		},
		{name: "a bad token", call: call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t"}`, token: "bad"}, status: 401},
	}
}

// recordedAdditions creates a thread, and lists and adds participants.
func recordedAdditions(thread string) []recordedAnswer {
	add := thread + "/participants/:add"
	return []recordedAnswer{
		{
			name:   "create",
			call:   call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"Test"}`},
			status: 201, keys: "chatThread", within: "chatThread", inner: "createdByCommunicationIdentifier createdOn id topic",
			value: map[string]any{"topic": "Test", "createdOn": "2026-03-04T05:06:07Z"},
		},
		{
			name:   "list participants by two",
			call:   call{path: thread + "/participants?maxPageSize=1"},
			status: 200, keys: "nextLink value", within: "value", inner: "communicationIdentifier displayName shareHistoryTime",
			value: map[string]any{"displayName": "user1", "shareHistoryTime": "1970-01-01T00:00:00Z"},
		},
		{name: "add", call: call{method: http.MethodPost, path: add, body: participants(otherSampleUser)}, status: 201, keys: ""},
		{
			name: "add somebody of another resource", call: call{method: http.MethodPost, path: add, body: participants(foreignUser)},
			status: 201, keys: "invalidParticipants", within: "invalidParticipants", inner: "code message target",
			value: map[string]any{"code": "403", "message": "Permissions check failed", "target": foreignUser},
		},
		{
			name: "add a malformed id", call: call{method: http.MethodPost, path: add, body: participants("8:acs:fakeid===")},
			status: 400, keys: "CommunicationError", within: "CommunicationError", inner: "Code Details Message",
			value: map[string]any{"Code": "BadRequest", "Message": "Identifier format is invalid (8:acs:fakeid===)."},
		},
	}
}

// recordedThreads updates and lists threads.
func recordedThreads(thread, fresh string) []recordedAnswer {
	return []recordedAnswer{
		{name: "metadata is merged", call: call{method: http.MethodPatch, path: thread, body: `{"metadata":{"threadType":"secondary"}}`}, status: 204},
		{
			name: "merged metadata", call: call{path: thread},
			status: 200, keys: "createdByCommunicationIdentifier createdOn id metadata topic", within: "metadata", inner: "secondaryThread threadType",
			value: map[string]any{"secondaryThread": "test-id", "threadType": "secondary"},
		},
		{name: "update the topic", call: call{method: http.MethodPatch, path: thread, body: `{"topic":"u"}`}, status: 204},
		{
			name: "list threads", call: call{path: "/chat/threads"},
			status: 200, keys: "value", within: "value", inner: "id lastMessageReceivedOn topic",
		},
		{name: "list threads of a fresh user", call: call{path: "/chat/threads", token: fresh}, status: 200, keys: "value"},
	}
}

// recordedRemovals removes participants.
func recordedRemovals(thread, owner string) []recordedAnswer {
	remove := thread + "/participants/:remove"
	return []recordedAnswer{
		{name: "remove a member", call: call{method: http.MethodPost, path: remove, body: `{"communicationUser":{"id":"` + sampleUser + `"}}`}, status: 204},
		{name: "remove a user that is no member", call: call{method: http.MethodPost, path: remove, body: `{"communicationUser":{"id":"` + sampleUser + `"}}`}, status: 204},
		{
			name: "remove a malformed id", call: call{method: http.MethodPost, path: remove, body: `{"communicationUser":{"id":"8:acs:fakeid"}}`},
			status: 400, keys: "CommunicationError", within: "CommunicationError", inner: "Code Details Message",
			value: map[string]any{"Message": "Identifier format is invalid (8:acs:fakeid)."},
		},
		{name: "the creator removes itself", call: call{method: http.MethodPost, path: remove, body: `{"communicationUser":{"id":"` + owner + `"}}`}, status: 204},
		{
			name: "and again", call: call{method: http.MethodPost, path: remove, body: `{"communicationUser":{"id":"` + owner + `"}}`},
			status: 403, keys: "CommunicationError", within: "CommunicationError", inner: "Code Details Message", value: map[string]any{"Message": forbiddenMessage},
		},
	}
}

// recordedIdentities are calls that create users.
var recordedIdentities = []recordedAnswer{
	{
		name:   "an identity with a token",
		call:   call{method: http.MethodPost, path: "/identities", body: `{"createTokenWithScopes":["chat"]}`, signed: true},
		status: 201, keys: "accessToken identity", within: "accessToken", inner: "expiresOn token",
	},
	{
		name:   "a lifetime that is too short",
		call:   call{method: http.MethodPost, path: "/identities", body: `{"createTokenWithScopes":["chat"],"expiresInMinutes":59}`, signed: true},
		status: 400, keys: "error", within: "error", inner: "code message target",
		value: map[string]any{
			"code": "ValidationError", "target": "ExpiresInMinutes",
			"message": "ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.",
		},
	},
}

// TestRecordedAnswers compares responses of the emulator with public recordings of the service: the
// status, the names at the top level of the body and in the relevant object, and some values.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	owner, token := f.user()
	_, stranger := f.user()
	_, fresh := f.user()
	thread := f.thread(token, `{"topic":"t","metadata":{"threadType":"primary","secondaryThread":"test-id"},"participants":[`+
		`{"communicationIdentifier":{"communicationUser":{"id":"`+owner+`"}},"displayName":"user1"},`+
		`{"communicationIdentifier":{"communicationUser":{"id":"`+sampleUser+`"}},"displayName":"user2"}]}`)
	for _, test := range slices.Concat(
		recordedRefusals(thread, stranger), recordedAdditions(thread), recordedThreads(thread, fresh),
		recordedRemovals(thread, owner), recordedIdentities,
	) {
		if test.call.method == "" {
			test.call.method = http.MethodGet
		}
		if test.call.token == "" && !test.call.signed {
			test.call.token = token
		}
		r := f.send(test.call)
		if r.status != test.status || keysOf(r.field()) != test.keys {
			t.Errorf("%s: %d %s; want %d with %q", test.name, r.status, r.body, test.status, test.keys)
		}
		if test.within == "" {
			continue
		}
		inner := r.field(test.within)
		if _, isList := inner.([]any); isList {
			inner = r.field(test.within, 0)
		}
		if keysOf(inner) != test.inner {
			t.Errorf("%s: %s has %q, want %q", test.name, test.within, keysOf(inner), test.inner)
		}
		for key, want := range test.value {
			if object, _ := inner.(map[string]any); object[key] != want {
				t.Errorf("%s: %s is %v, want %v", test.name, key, object[key], want)
			}
		}
	}
}

// keysOf returns the names in an object, sorted.
func keysOf(value any) string {
	object, _ := value.(map[string]any)
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestDetailsIsAnEmptyList(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	r := f.chat(404, token, http.MethodGet, "/chat/threads/sanitized", "")
	var body struct {
		CommunicationError struct{ Details json.RawMessage }
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || string(body.CommunicationError.Details) != "[]" {
		t.Errorf("%s, %v", r.body, err)
	}
}
