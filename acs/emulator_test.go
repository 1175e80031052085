// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// emulated is the emulator over https, with clients of one user.
type emulated struct {
	emu      *emulator.Server
	service  *service
	identity *acs.IdentityClient
	user     string
	chat     *acs.ChatClient
}

func emulate(t *testing.T, options emulator.Options) *emulated {
	t.Helper()
	options.AccessKey = exampleKey
	emu := emulator.New(options)
	s := &service{Server: httptest.NewTLSServer(emu)}
	t.Cleanup(s.Close)
	e := &emulated{emu: emu, service: s, identity: s.identity(t)}
	created, err := e.identity.CreateUser(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.user = created.ID
	e.chat = e.chatOf(t, created.ID)
	return e
}

func (e *emulated) chatOf(t *testing.T, userID string) *acs.ChatClient {
	t.Helper()
	return e.service.chatOf(t, acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := e.identity.IssueToken(ctx, userID, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil))
}

func rawIDs(t *testing.T, thread *acs.ThreadClient, options *acs.ListParticipantsOptions) []string {
	t.Helper()
	var ids []string
	for pager := thread.NewListParticipantsPager(options); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Participants {
			ids = append(ids, p.ID.RawID())
		}
	}
	return ids
}

// TestLifeOfAThread is the contract with the emulator, which implements the service's rules and
// shares no type with the client.
func TestLifeOfAThread(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]emulator.Options{
		"as recorded":   {},
		"as documented": {SpecErrors: true, WithKind: true, Quotas: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := emulate(t, options)
			ctx, second, third := t.Context(), e.emu.CreateUser(), e.emu.CreateUser()
			since := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
			created, err := e.chat.CreateThread(ctx, "Weekly", &acs.CreateThreadOptions{
				Participants:    []acs.Participant{{ID: acs.ParseRawID(second), DisplayName: "Second", ShareHistoryTime: &since}},
				Metadata:        map[string]string{"keep": "1", "change": "1"},
				RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: 30},
			})
			if err != nil {
				t.Fatal(err)
			}
			thread := e.chat.ThreadClient(created.Thread.ID)
			if _, err := thread.AddParticipants(ctx, []acs.Participant{{ID: acs.ParseRawID(third)}}, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{e.user, second, third}, rawIDs(t, thread, nil)); diff != "" {
				t.Errorf("participants (-want +got):\n%s", diff)
			}
			if _, err := thread.RemoveParticipant(ctx, acs.ParseRawID(third), nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{e.user, second}, rawIDs(t, thread, &acs.ListParticipantsOptions{MaxPageSize: 1})); diff != "" {
				t.Errorf("participants by pages (-want +got):\n%s", diff)
			}
			updateAndRead(t, e, created.Thread)
			deleteAndMiss(t, e, thread)
		})
	}
}

func updateAndRead(t *testing.T, e *emulated, created acs.ThreadProperties) {
	t.Helper()
	thread := e.chat.ThreadClient(created.ID)
	_, err := thread.UpdateProperties(t.Context(), &acs.UpdateThreadPropertiesOptions{
		Topic: new("Monthly"), Metadata: map[string]string{"change": ""},
		RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionNone},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := thread.GetProperties(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := created
	want.Topic = "Monthly"
	want.Metadata = map[string]string{"keep": "1", "change": ""}
	want.RetentionPolicy = &acs.RetentionPolicy{Kind: acs.RetentionNone}
	if diff := cmp.Diff(want, got.ThreadProperties); diff != "" {
		t.Errorf("thread (-want +got):\n%s", diff)
	}
	if want := (acs.CommunicationUser{ID: e.user}); got.CreatedBy != want {
		t.Errorf("created by %v, want %v", got.CreatedBy, want)
	}
	page, err := e.chat.NewListThreadsPager(nil).NextPage(t.Context())
	if err != nil || len(page.Threads) != 1 || page.Threads[0].ID != created.ID || page.Threads[0].Topic != "Monthly" {
		t.Errorf("threads are %+v, %v", page.Threads, err)
	}
}

func deleteAndMiss(t *testing.T, e *emulated, thread *acs.ThreadClient) {
	t.Helper()
	if _, err := e.chat.DeleteThread(t.Context(), thread.ID(), nil); err != nil {
		t.Fatal(err)
	}
	_, err := thread.GetProperties(t.Context(), nil)
	if !acs.HasStatus(err, http.StatusNotFound) || !acs.HasCode(err, acs.CodeNotFound) {
		t.Errorf("error is %v, want a 404", err)
	}
	if detail, _ := acs.Detail(err); detail.CorrelationVector == "" {
		t.Errorf("detail %+v has no correlation vector", detail)
	}
}

func TestLifetimesOfTokens(t *testing.T) {
	t.Parallel()
	e := emulate(t, emulator.Options{})
	scopes := []acs.TokenScope{acs.ScopeChatJoin}
	created, err := e.identity.CreateUser(t.Context(), &acs.CreateUserOptions{TokenScopes: scopes, TokenExpiresIn: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(created.Token.ExpiresOn); left < 55*time.Minute || left > time.Hour {
		t.Errorf("the token lives %s, want an hour", left)
	}
	for _, life := range []time.Duration{59 * time.Minute, 24*time.Hour + time.Minute, -time.Hour} {
		_, err := e.identity.IssueToken(t.Context(), created.ID, scopes, &acs.IssueTokenOptions{ExpiresIn: life})
		if !acs.HasStatus(err, 400) || !acs.HasCode(err, acs.CodeValidationError) {
			t.Errorf("error for %s is %v, want a 400", life, err)
		}
	}
	chat := e.service.chatOf(t, acs.NewStaticUserCredential(created.Token.Token.Reveal()))
	if _, err := chat.CreateThread(t.Context(), "Topic", nil); !acs.HasStatus(err, 403) {
		t.Errorf("error is %v, want a 403: the scope does not allow it", err)
	}
}

func TestEveryKindOfParticipant(t *testing.T) {
	t.Parallel()
	e := emulate(t, emulator.Options{})
	const guid = "00000000-1111-2222-3333-444444444444"
	foreign := []string{
		"8:orgid:" + guid, "8:dod:" + guid, "8:gcch:" + guid, "8:teamsvisitor:v", "28:orgid:" + guid, "28:dod:" + guid,
		"8:acs:" + guid + "_" + guid, "8:gcch-acs:" + guid + "_" + guid + "_" + guid,
	}
	participants := []acs.Participant{{ID: acs.ParseRawID("4:+15555550100")}}
	for _, raw := range foreign {
		participants = append(participants, acs.Participant{ID: acs.ParseRawID(raw)})
	}
	created, err := e.chat.CreateThread(t.Context(), "Topic", &acs.CreateThreadOptions{Participants: participants})
	refused, ok := errors.AsType[*acs.InvalidParticipantsError](err)
	if !ok {
		t.Fatalf("error is %v, want refused participants", err)
	}
	var got []string
	for _, p := range refused.Participants {
		got = append(got, p.Target)
	}
	if diff := cmp.Diff(foreign, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{e.user, "4:+15555550100"}, rawIDs(t, e.chat.ThreadClient(created.Thread.ID), nil)); diff != "" {
		t.Errorf("participants (-want +got):\n%s", diff)
	}
	_, err = e.chat.ThreadClient(created.Thread.ID).AddParticipants(t.Context(), []acs.Participant{{ID: acs.ParseRawID("8:acs:x")}}, nil)
	if !acs.HasStatus(err, 400) || !acs.HasCode(err, acs.CodeBadRequest) {
		t.Errorf("error for a malformed id is %v, want a 400", err)
	}
}

// TestLostAnswer: the service creates the thread, the response is lost, and azcore repeats the
// call.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	e := emulate(t, emulator.Options{})
	e.emu.Inject(emulator.Fault{Operation: "CreateThread", Times: 1, DropAfter: true})
	created, err := e.chat.CreateThread(t.Context(), "Topic", nil)
	if err != nil {
		t.Fatal(err)
	}
	if threads := e.emu.Threads(); len(threads) != 1 || threads[0].ID != created.Thread.ID {
		t.Errorf("there are threads %+v, want only %s", threads, created.Thread.ID)
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	e := emulate(t, emulator.Options{Quotas: true})
	var err error
	for i := 0; err == nil && i < 20; i++ {
		_, err = e.chat.CreateThread(t.Context(), fmt.Sprint("Topic ", i), nil)
	}
	if !acs.HasStatus(err, 429) || !acs.HasCode(err, acs.CodeTooManyRequests) {
		t.Fatalf("error is %v, want a 429", err)
	}
	if _, ok := acs.RetryAfter(err); !ok {
		t.Errorf("error %v has no time to retry", err)
	}
	if got := len(e.emu.Threads()); got != 10 {
		t.Errorf("%d threads were created, want 10", got)
	}
}

// TestNewAccessKey checks that a new key invalidates all tokens, and ends their renewal too.
func TestNewAccessKey(t *testing.T) {
	t.Parallel()
	e := emulate(t, emulator.Options{})
	created, err := e.chat.CreateThread(t.Context(), "Topic", nil)
	if err != nil {
		t.Fatal(err)
	}
	key := e.emu.RotateAccessKey()
	_, err = e.chat.ThreadClient(created.Thread.ID).GetProperties(t.Context(), nil)
	if !acs.HasStatus(err, 401) {
		t.Errorf("error is %v, want a 401", err)
	}
	checkNoCredential(t, err, key)
	e.identity, err = acs.NewIdentityClientWithAccessKey(e.service.URL, acs.NewSecret(key), e.service.options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.chatOf(t, e.user).ThreadClient(created.Thread.ID).GetProperties(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestManyThreadsInPages(t *testing.T) {
	t.Parallel()
	e := emulate(t, emulator.Options{})
	want := map[string]bool{}
	for i := range 7 {
		want[e.emu.CreateThread(e.user, fmt.Sprint("Topic ", i))] = true
	}
	got := map[string]bool{}
	pages := 0
	for pager := e.chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: 3}); pager.More(); pages++ {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range page.Threads {
			got[thread.ID] = true
		}
	}
	if !maps.Equal(want, got) || pages != 3 {
		t.Errorf("%d pages with %v, want 3 with %v", pages, slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))
	}
	page, err := e.chat.NewListThreadsPager(&acs.ListThreadsOptions{StartTime: time.Now().Add(time.Hour)}).NextPage(t.Context())
	if err != nil || len(page.Threads) != 0 {
		t.Errorf("threads of the future are %v, %v", page.Threads, err)
	}
}
