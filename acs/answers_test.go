// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acs-operator/acs-chat-operator/acs"
)

func TestCreateThreadAnswer(t *testing.T) {
	t.Parallel()
	want := acs.ThreadProperties{
		ID: threadID, Topic: "Test", CreatedOn: at(t, "2026-06-17T23:16:38Z"), CreatedBy: acs.CommunicationUser{ID: alice},
	}
	service := serve(t, reply{status: 201, body: createdThread})
	got, err := service.chat(t).CreateThread(t.Context(), "Test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Thread); diff != "" {
		t.Errorf("thread (-want +got):\n%s", diff)
	}
}

func TestCreateThreadWithRefusedParticipants(t *testing.T) {
	t.Parallel()
	body := strings.TrimSuffix(createdThread, "}") +
		`,"invalidParticipants":[{"code":"403","message":"Permissions check failed","target":"` + bob + `"}]}`
	service := serve(t, reply{status: 201, body: body})
	got, err := service.chat(t).CreateThread(t.Context(), "Test", nil)
	if got.Thread.ID != threadID {
		t.Errorf("thread is %q, want it in spite of the error", got.Thread.ID)
	}
	refused, ok := errors.AsType[*acs.InvalidParticipantsError](err)
	if !ok {
		t.Fatalf("error is %v, want refused participants", err)
	}
	want := []acs.InvalidParticipant{{Target: bob, Code: "403", Message: "Permissions check failed"}}
	if diff := cmp.Diff(want, refused.Participants); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestAddParticipantsInPart(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 201, body: `{"invalidParticipants":[
		{"code":"403","message":"Permissions check failed","target":"8:acs:1_1"},
		{"code":"404","message":"Not found","target":"8:acs:2_2","details":[]}]}`})
	_, err := service.thread(t).AddParticipants(t.Context(), []acs.Participant{{ID: acs.ParseRawID(bob)}}, nil)
	refused, ok := errors.AsType[*acs.InvalidParticipantsError](err)
	if !ok || len(refused.Participants) != 2 {
		t.Fatalf("error is %v, want two refused participants", err)
	}
	want := "2 participants were refused: 8:acs:1_1 (403: Permissions check failed), 8:acs:2_2 (404: Not found)"
	if err.Error() != want {
		t.Errorf("error reads %q, want %q", err, want)
	}
}

func TestInvalidParticipantsErrorIsShort(t *testing.T) {
	t.Parallel()
	refused := &acs.InvalidParticipantsError{}
	for range 249 {
		refused.Participants = append(refused.Participants, acs.InvalidParticipant{
			Target: strings.Repeat("x", 1000), Code: strings.Repeat("y", 1000), Message: strings.Repeat("ö", 1000),
		})
	}
	text := refused.Error()
	if len(text) > 1000 || !strings.HasPrefix(text, "249 participants") || !strings.HasSuffix(text, " and 246 more") {
		t.Errorf("error of %d bytes reads %q", len(text), text)
	}
	if strings.ContainsRune(text, '\uFFFD') || strings.ToValidUTF8(text, "?") != text {
		t.Errorf("error %q is cut within a character", text)
	}
}

func TestGetPropertiesAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: `{
		"id":"` + threadID + `","topic":"Weekly","createdOn":"2026-06-17T23:16:38.6325999+02:00",
		"createdByCommunicationIdentifier":{"kind":"communicationUser","rawId":"` + alice + `"},
		"deletedOn":"2026-06-18T00:00:00.5Z","metadata":{"a":"b","c":""},
		"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":90,"later":true},
		"messagingPolicy":{"textOnlyChat":true}}`})
	got, err := service.thread(t).GetProperties(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := acs.ThreadProperties{
		ID: threadID, Topic: "Weekly",
		CreatedOn: time.Date(2026, time.June, 17, 21, 16, 38, 632599900, time.UTC),
		CreatedBy: acs.CommunicationUser{ID: alice},
		DeletedOn: new(time.Date(2026, time.June, 18, 0, 0, 0, 500_000_000, time.UTC)),
		Metadata:  map[string]string{"a": "b", "c": ""},
		RetentionPolicy: &acs.RetentionPolicy{
			Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: 90,
		},
	}
	if diff := cmp.Diff(want, got.ThreadProperties); diff != "" {
		t.Errorf("thread (-want +got):\n%s", diff)
	}
	if got.CreatedOn.Location() != time.UTC {
		t.Errorf("created on %s, want it in UTC", got.CreatedOn)
	}
}

func TestGetPropertiesOfLittle(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: "\xef\xbb\xbf" + `{"id":"x","deletedOn":null,"createdOn":""}`})
	got, err := service.thread(t).GetProperties(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(acs.ThreadProperties{ID: "x", CreatedBy: acs.Unknown{}}, got.ThreadProperties); diff != "" {
		t.Errorf("thread (-want +got):\n%s", diff)
	}
}

func TestListThreadsAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: `{"value":[
		{"id":"a","topic":"A","lastMessageReceivedOn":"2026-06-15T23:04:17Z"},
		{"id":"b","topic":"B","deletedOn":"2026-06-15T23:04:18.123456789Z"}]}`})
	pager := service.chat(t).NewListThreadsPager(nil)
	got, err := pager.NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := acs.ListThreadsResponse{Threads: []acs.ThreadItem{
		{ID: "a", Topic: "A", LastMessageReceivedOn: new(at(t, "2026-06-15T23:04:17Z"))},
		{ID: "b", Topic: "B", DeletedOn: new(at(t, "2026-06-15T23:04:18.123456789Z"))},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if pager.More() {
		t.Error("there is more after the last page")
	}
}

func TestListParticipantsAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: `{"value":[
		{"communicationIdentifier":{"rawId":"` + alice + `","communicationUser":{"id":"` + alice + `"}},
		 "displayName":"Alice","shareHistoryTime":"1970-01-01T00:00:00Z","metadata":{"a":"b"}},
		{"communicationIdentifier":{"rawId":"` + bob + `"}}]}`})
	got, err := service.thread(t).NewListParticipantsPager(nil).NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []acs.Participant{
		{
			ID: acs.CommunicationUser{ID: alice}, DisplayName: "Alice", ShareHistoryTime: new(time.Unix(0, 0).UTC()),
			Metadata: map[string]string{"a": "b"},
		},
		{ID: acs.CommunicationUser{ID: bob}},
	}
	if diff := cmp.Diff(want, got.Participants); diff != "" {
		t.Errorf("participants (-want +got):\n%s", diff)
	}
}

func TestIdentityAnswers(t *testing.T) {
	t.Parallel()
	const token = `{"token":"` + userToken + `","expiresOn":"2026-05-27T07:59:25.9595888+00:00"}`
	want := acs.AccessToken{
		Token: acs.NewSecret(userToken), ExpiresOn: time.Date(2026, time.May, 27, 7, 59, 25, 959588800, time.UTC),
	}
	service := serve(t,
		reply{status: 201, body: `{"identity":{"id":"` + alice + `"},"accessToken":` + token + `}`},
		reply{status: 201, body: `{"identity":{"id":"` + alice + `"}}`},
		reply{status: 200, body: token})
	identity := service.identity(t)
	secrets := cmpopts.EquateComparable(acs.Secret{})

	user, err := identity.CreateUser(t.Context(), &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
	if diff := cmp.Diff(acs.CreateUserResponse{ID: alice, Token: &want}, user, secrets); diff != "" || err != nil {
		t.Errorf("user with token (-want +got):\n%s%v", diff, err)
	}
	user, err = identity.CreateUser(t.Context(), nil)
	if diff := cmp.Diff(acs.CreateUserResponse{ID: alice}, user, secrets); diff != "" || err != nil {
		t.Errorf("user (-want +got):\n%s%v", diff, err)
	}
	issued, err := identity.IssueToken(t.Context(), alice, []acs.TokenScope{acs.ScopeChat}, nil)
	if diff := cmp.Diff(want, issued.AccessToken, secrets); diff != "" || err != nil {
		t.Errorf("token (-want +got):\n%s%v", diff, err)
	}
}

// TestJunkInsteadOfAnAnswer checks that a success without usable content is an error.
func TestJunkInsteadOfAnAnswer(t *testing.T) {
	t.Parallel()
	const leaked = "sekrit"
	junk := map[string][]string{
		"ChatClient.CreateThread":       {``, `{}`, `null`, `[]`, `<html>`, `{"chatThread":{}}`, `{"chatThread":{"id":"x"`},
		"ChatClient.ListThreads":        {``, `{}`, `{"value":null}`, `{"value":{}}`, `{"value":[{}]}`, `{"value":[{"id":"x","deletedOn":"soon"}]}`},
		"ThreadClient.GetProperties":    {``, `{}`, `"x"`, `{"id":7}`, `{"id":"x","createdOn":"2026-06-17T23:16:38"}`},
		"ThreadClient.ListParticipants": {``, `{}`, `{"value":[{}]}`, `{"value":[{"communicationIdentifier":{"communicationUser":{}}}]}`},
		"ThreadClient.AddParticipants":  {``, `[]`, `{"invalidParticipants":7}`},
		"ThreadClient.SendMessage":      {``, `{}`, `{"id":7}`, `<html>`},
		"ThreadClient.GetMessage": {
			``, `{}`, `[]`, `{"id":"x","createdOn":"2026-06-17"}`, `{"id":"x","type":7}`, `{"id":"x","type":"text","content":"Hi"}`,
			`{"id":"x","metadata":{"k":7}}`, `{"id":"x","type":"html","content":{"attachments":{}}}`, `{"id":"x"`,
		},
		"ThreadClient.ListMessages": {
			``, `{}`, `{"value":null}`, `{"value":[{}]}`, `{"value":[null]}`, `{"value":[{"id":"x","version":8}]}`,
			`{"value":[{"id":"x","type":"participantAdded","content":{"participants":7}}]}`,
		},
		"ThreadClient.ListReadReceipts":         {``, `{}`, `{"value":[{}]}`, `{"value":[{"chatMessageId":"x","readOn":"soon"}]}`, `{"value":7}`},
		"IdentityClient.CreateUser":             {``, `{}`, `{"identity":{}}`, `{"identity":{"id":"x"},"accessToken":{"token":"` + leaked + `"}}`},
		"IdentityClient.ExchangeTeamsUserToken": {``, `{}`, `{"token":"` + leaked + `"}`, `{"token":"` + leaked + `"`},
		"IdentityClient.IssueToken": {
			``, `{}`, `{"expiresOn":"2099-01-01T00:00:00Z"}`, `{"token":"` + leaked + `","expiresOn":"later"}`, `{"token":"` + leaked + `"`,
		},
	}
	for name, test := range calls() {
		for _, body := range junk[name] {
			t.Run(name+" "+body, func(t *testing.T) {
				t.Parallel()
				service := serve(t, reply{status: test.reply.status, body: body, header: map[string]string{"MS-CV": "vector.0"}})
				err := test.call(t.Context(), t, service)
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Fatalf("error is %v, want one of %s", err, name)
				}
				if !acs.HasStatus(err, test.reply.status) {
					t.Errorf("error %v has not the status", err)
				}
				if detail, ok := acs.Detail(err); !ok || detail.CorrelationVector != "vector.0" || detail.Code != "" {
					t.Errorf("detail is %+v, %t", detail, ok)
				}
				checkNoCredential(t, err, leaked)
				service.only(t)
			})
		}
	}
}
