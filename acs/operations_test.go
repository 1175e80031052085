// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/acs-operator/acs-chat-operator/acs"
)

const (
	createdThread = `{"chatThread":{"id":"` + threadID + `","topic":"Test","createdOn":"2026-06-17T23:16:38Z",
		"createdByCommunicationIdentifier":{"rawId":"` + alice + `","communicationUser":{"id":"` + alice + `"}}}}`
	notFound    = `{"CommunicationError":{"Code":"NotFound","Details":[]}}`
	list        = `{"value":[]}`
	issuedToken = `{"token":"t","expiresOn":"2099-01-01T00:00:00Z"}`
)

// wireTest is a call and the request that it must send.
type wireTest struct {
	call        func(context.Context, *testing.T, *service) error
	method, uri string
	contentType string
	body        string
	reply       reply
}

// sampleTime has a zone, and more digits than the service takes.
var sampleTime = time.Date(2026, time.March, 4, 5, 6, 7, 891234567, time.FixedZone("", 60*60))

var sampleParticipants = []acs.Participant{
	{
		ID: acs.CommunicationUser{ID: alice}, DisplayName: "Alice <a&b>", ShareHistoryTime: &sampleTime,
		Metadata: map[string]string{"k": "v"},
	},
	{ID: acs.PhoneNumber{Value: "+1"}},
}

const sentParticipants = `"participants":[{"communicationIdentifier":{"rawId":"` + alice +
	`","communicationUser":{"id":"` + alice + `"}},"displayName":"Alice \u003ca\u0026b\u003e",` +
	`"shareHistoryTime":"2026-03-04T04:06:07.891Z","metadata":{"k":"v"}},` +
	`{"communicationIdentifier":{"rawId":"4:+1","phoneNumber":{"value":"+1"}}}]`

// calls are all operations, each with all of its options.
func calls() map[string]wireTest {
	operations := map[string]wireTest{}
	for _, some := range []map[string]wireTest{
		threadCalls(), participantCalls(), messageCalls(), notificationCalls(), tokenCalls(), identityCalls(),
	} {
		maps.Copy(operations, some)
	}
	return operations
}

// threadCalls are the calls for threads.
func threadCalls() map[string]wireTest {
	return map[string]wireTest{
		"ChatClient.CreateThread": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.chat(t).CreateThread(ctx, "Topic", &acs.CreateThreadOptions{
					Participants: sampleParticipants, Metadata: map[string]string{"m": ""}, RepeatabilityRequestID: "an id",
					RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: 30},
				})
				return err
			},
			method: "POST", uri: "/chat/threads?api-version=2025-03-15", contentType: "application/json",
			body: `{"topic":"Topic",` + sentParticipants +
				`,"metadata":{"m":""},"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":30}}`,
			reply: reply{status: 201, body: createdThread},
		},
		"ChatClient.ListThreads": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.chat(t).NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: 7, StartTime: sampleTime}).NextPage(ctx)
				return err
			},
			method: "GET", uri: "/chat/threads?api-version=2025-03-15&maxPageSize=7&startTime=2026-03-04T04%3A06%3A07.891Z",
			reply: reply{status: 200, body: list},
		},
		"ChatClient.DeleteThread": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.chat(t).DeleteThread(ctx, threadID, &acs.DeleteThreadOptions{})
				return err
			},
			method: "DELETE", uri: threadPath + "?api-version=2025-03-15", reply: reply{status: 204},
		},
		"ThreadClient.GetProperties": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).GetProperties(ctx, &acs.GetThreadPropertiesOptions{})
				return err
			},
			method: "GET", uri: threadPath + "?api-version=2025-03-15", reply: reply{status: 200, body: `{"id":"x"}`},
		},
		"ThreadClient.UpdateProperties": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{
					Topic: new(""), Metadata: map[string]string{"m": ""},
					RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionNone},
				})
				return err
			},
			method: "PATCH", uri: threadPath + "?api-version=2025-03-15", contentType: "application/merge-patch+json",
			body:  `{"topic":"","metadata":{"m":""},"retentionPolicy":{"kind":"none"}}`,
			reply: reply{status: 204},
		},
	}
}

// participantCalls are the calls for participants.
func participantCalls() map[string]wireTest {
	return map[string]wireTest{
		"ThreadClient.ListParticipants": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: 2, Skip: 4}).NextPage(ctx)
				return err
			},
			method: "GET", uri: threadPath + "/participants?api-version=2025-03-15&maxPageSize=2&skip=4",
			reply: reply{status: 200, body: list},
		},
		"ThreadClient.AddParticipants": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).AddParticipants(ctx, sampleParticipants, &acs.AddParticipantsOptions{})
				return err
			},
			method: "POST", uri: threadPath + "/participants/:add?api-version=2025-03-15", contentType: "application/json",
			body: `{` + sentParticipants + `}`, reply: reply{status: 201, body: `{}`},
		},
		"ThreadClient.RemoveParticipant": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.thread(t).RemoveParticipant(ctx, acs.ParseRawID(alice), &acs.RemoveParticipantOptions{})
				return err
			},
			method: "POST", uri: threadPath + "/participants/:remove?api-version=2025-03-15", contentType: "application/json",
			body:  `{"rawId":"` + alice + `","communicationUser":{"id":"` + alice + `"}}`,
			reply: reply{status: 204},
		},
	}
}

// tokenCalls are the calls that create users and tokens.
func tokenCalls() map[string]wireTest {
	return map[string]wireTest{
		"IdentityClient.CreateUser": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.identity(t).CreateUser(ctx, &acs.CreateUserOptions{
					TokenScopes: []acs.TokenScope{acs.ScopeChat, acs.ScopeVoIPJoin}, TokenExpiresIn: time.Hour,
				})
				return err
			},
			method: "POST", uri: "/identities?api-version=2023-10-01", contentType: "application/json",
			body:  `{"createTokenWithScopes":["chat","voip.join"],"expiresInMinutes":60}`,
			reply: reply{status: 201, body: `{"identity":{"id":"` + alice + `"}}`},
		},
		"IdentityClient.IssueToken": {
			call: func(ctx context.Context, t *testing.T, s *service) error {
				t.Helper()
				_, err := s.identity(t).IssueToken(ctx, alice, []acs.TokenScope{acs.ScopeChat},
					&acs.IssueTokenOptions{ExpiresIn: 24 * time.Hour})
				return err
			},
			method: "POST", uri: "/identities/" + alicePath + "/:issueAccessToken?api-version=2023-10-01",
			contentType: "application/json", body: `{"scopes":["chat"],"expiresInMinutes":1440}`,
			reply: reply{status: 200, body: issuedToken},
		},
	}
}

func TestOperationsOnTheWire(t *testing.T) {
	t.Parallel()
	for name, test := range calls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, test.reply)
			if err := test.call(t.Context(), t, service); err != nil {
				t.Fatal(err)
			}
			got := service.only(t)
			for _, part := range [][3]string{
				{"method", got.method, test.method},
				{"path and query", got.uri, test.uri},
				{"body", got.body, test.body},
				{"Content-Type", got.header.Get("Content-Type"), test.contentType},
				{"Accept", got.header.Get("Accept"), "application/json"},
				{"host", got.host, strings.TrimPrefix(service.URL, "https://")},
			} {
				if part[1] != part[2] {
					t.Errorf("%s is\n%s, want\n%s", part[0], part[1], part[2])
				}
			}
			if agent := got.header.Get("User-Agent"); !strings.HasPrefix(agent, "azsdk-go-acs/v") {
				t.Errorf("User-Agent is %q", agent)
			}
			checkAuthorization(t, name, got)
		})
	}
}

func checkAuthorization(t *testing.T, name string, got request) {
	t.Helper()
	authorization := got.header.Get("Authorization")
	if strings.HasPrefix(name, "IdentityClient.") {
		if want := signature(got); authorization != want {
			t.Errorf("Authorization is %q, want %q", authorization, want)
		}
	} else if want := "Bearer " + userToken; authorization != want {
		t.Errorf("Authorization is %q, want %q", authorization, want)
	}
	if id := got.header.Get("Repeatability-Request-Id"); (id == "an id") != (name == "ChatClient.CreateThread") {
		t.Errorf("repeatability-request-id is %q", id)
	}
}

// succeed answers any operation with the smallest success.
func succeed(_ int, r *http.Request) reply {
	switch {
	case r.Method == http.MethodPatch, r.Method == http.MethodDelete,
		strings.HasSuffix(r.URL.Path, ":remove"), strings.HasSuffix(r.URL.Path, ":revokeAccessTokens"):
		return reply{status: 204}
	case r.Method == http.MethodGet && r.URL.Path == "/chat/threads/"+threadID, strings.Contains(r.URL.Path, "/messages/"):
		return reply{status: 200, body: `{"id":"x"}`}
	case r.Method == http.MethodGet:
		return reply{status: 200, body: list}
	case strings.HasSuffix(r.URL.Path, "/readReceipts"), strings.HasSuffix(r.URL.Path, "/typing"):
		return reply{status: 200}
	case strings.HasSuffix(r.URL.Path, "/messages"):
		return reply{status: 201, body: `{"id":"x"}`}
	case r.URL.Path == "/identities":
		return reply{status: 201, body: `{"identity":{"id":"x"}}`}
	case strings.HasSuffix(r.URL.Path, "AccessToken"):
		return reply{status: 200, body: issuedToken}
	default:
		return reply{status: 201, body: createdThread}
	}
}

// TestOperationsWithoutOptions checks that nil options are legal and send nothing.
func TestOperationsWithoutOptions(t *testing.T) {
	t.Parallel()
	service := serveFunc(t, succeed)
	ctx, chat, thread, identity := t.Context(), service.chat(t), service.thread(t), service.identity(t)
	var errs []error
	note := func(_ any, err error) { errs = append(errs, err) }
	note(chat.CreateThread(ctx, "Topic", nil))
	note(chat.NewListThreadsPager(nil).NextPage(ctx))
	note(chat.DeleteThread(ctx, threadID, nil))
	note(thread.GetProperties(ctx, nil))
	note(thread.UpdateProperties(ctx, nil))
	note(thread.NewListParticipantsPager(nil).NextPage(ctx))
	note(thread.AddParticipants(ctx, nil, nil))
	note(thread.RemoveParticipant(ctx, acs.Unknown{ID: "x"}, nil))
	note(thread.SendMessage(ctx, "", nil))
	note(thread.GetMessage(ctx, messageID, nil))
	note(thread.NewListMessagesPager(nil).NextPage(ctx))
	note(thread.UpdateMessage(ctx, messageID, nil))
	note(thread.DeleteMessage(ctx, messageID, nil))
	note(thread.SendReadReceipt(ctx, messageID, nil))
	note(thread.NewListReadReceiptsPager(nil).NextPage(ctx))
	note(thread.SendTypingNotification(ctx, nil))
	note(identity.CreateUser(ctx, nil))
	note(identity.IssueToken(ctx, alice, []acs.TokenScope{acs.ScopeChat}, nil))
	note(identity.RevokeTokens(ctx, alice, nil))
	note(identity.DeleteUser(ctx, alice, nil))
	note(identity.ExchangeTeamsUserToken(ctx, acs.NewSecret("t"), "a", "u", nil))
	for i, err := range errs {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	var bodies, queries []string
	for _, got := range service.received() {
		bodies = append(bodies, got.body)
		_, query, _ := strings.Cut(got.uri, "?")
		queries = append(queries, query)
	}
	const chatVersion, identityVersion = "api-version=2025-03-15", "api-version=2023-10-01"
	want := slices.Concat(slices.Repeat([]string{chatVersion}, 16), slices.Repeat([]string{identityVersion}, 5))
	if diff := cmp.Diff(want, queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		`{"topic":"Topic"}`, "", "", "", `{}`, "", `{"participants":[]}`, `{"rawId":"x"}`,
		`{"content":""}`, "", "", `{}`, "", `{"chatMessageId":"` + messageID + `"}`, "", `{}`,
		`{}`, `{"scopes":["chat"]}`, "", "", `{"token":"t","appId":"a","userId":"u"}`,
	}, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	first := service.received()[0].header.Get("Repeatability-Request-Id")
	if id, err := uuid.Parse(first); err != nil || id.Version() != 4 {
		t.Errorf("repeatability-request-id is %q, want a random UUID", first)
	}
}

// nonRetriable is the interface of azcore for errors that must not be retried.
type nonRetriable interface {
	error
	NonRetriable()
}

func TestWrongLifetimeMakesNoCall(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 500})
	ctx, identity, scopes := t.Context(), service.identity(t), []acs.TokenScope{acs.ScopeChat}
	_, created := identity.CreateUser(ctx, &acs.CreateUserOptions{TokenScopes: scopes, TokenExpiresIn: time.Hour + time.Second})
	_, issued := identity.IssueToken(ctx, alice, scopes, &acs.IssueTokenOptions{ExpiresIn: time.Hour + time.Second})
	for _, err := range []error{created, issued} {
		if err == nil || errors.Is(err, acs.ErrInvalidID) {
			t.Errorf("error is %v, want one about the lifetime", err)
		}
	}
	if got := service.received(); len(got) != 0 {
		t.Errorf("the service was asked %v", got)
	}
}

func TestWrongIDsMakeNoCall(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 500})
	ctx, chat, identity := t.Context(), service.chat(t), service.identity(t)
	nobody := []acs.Participant{{ID: acs.Unknown{ID: "x"}}, {}}
	scopes := []acs.TokenScope{acs.ScopeChat}
	failed := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, acs.ErrInvalidID) {
			t.Errorf("%s: error is %v, want that of an id", what, err)
		}
		if _, final := errors.AsType[nonRetriable](err); !final {
			t.Errorf("%s: error %v does not keep callers from trying again", what, err)
		}
	}
	for _, id := range []string{"", ".", ".."} {
		thread := chat.ThreadClient(id)
		_, err := chat.DeleteThread(ctx, id, nil)
		failed("delete", err)
		_, err = thread.GetProperties(ctx, nil)
		failed("get", err)
		_, err = thread.UpdateProperties(ctx, nil)
		failed("update", err)
		_, err = thread.NewListParticipantsPager(nil).NextPage(ctx)
		failed("list", err)
		_, err = thread.NewListMessagesPager(nil).NextPage(ctx)
		failed("list messages", err)
		_, err = identity.IssueToken(ctx, id, scopes, nil)
		failed("issue token", err)
		_, err = identity.RevokeTokens(ctx, id, nil)
		failed("revoke tokens", err)
		_, err = identity.DeleteUser(ctx, id, nil)
		failed("delete user", err)
		_, err = chat.ThreadClient(threadID).GetMessage(ctx, id, nil)
		failed("get message", err)
		_, err = chat.ThreadClient(threadID).UpdateMessage(ctx, id, nil)
		failed("update message", err)
		_, err = chat.ThreadClient(threadID).DeleteMessage(ctx, id, nil)
		failed("delete message", err)
	}
	_, err := chat.ThreadClient(threadID).SendReadReceipt(ctx, "", nil)
	failed("read nothing", err)
	_, err = chat.CreateThread(ctx, "Topic", &acs.CreateThreadOptions{Participants: nobody})
	failed("create", err)
	_, err = chat.ThreadClient(threadID).AddParticipants(ctx, nobody, nil)
	failed("add", err)
	_, err = chat.ThreadClient(threadID).RemoveParticipant(ctx, nil, nil)
	failed("remove", err)
	_, err = chat.ThreadClient(threadID).RemoveParticipant(ctx, acs.Unknown{}, nil)
	failed("remove nobody", err)
	if got := service.received(); len(got) != 0 {
		t.Errorf("the service was asked %v", got)
	}
}
