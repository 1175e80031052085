// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// Example starts with a connection string, creates a thread and deletes it. The emulator stands in
// for the service; with the real one, the connection string is in the portal and the options may be
// nil.
func Example() {
	emu := emulator.New(emulator.Options{})
	server := httptest.NewTLSServer(emu)
	defer server.Close()
	connectionString := emu.ConnectionString(server.URL)
	options := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: server.Client()}}

	if err := tour(context.Background(), connectionString, options); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Created "Weekly"
	// 2 participants
	// Deleted
}

// tour is the body of the example, a function of its own because it returns errors.
//
//nolint:forbidigo // Examples print.
func tour(ctx context.Context, connectionString string, options *acs.ClientOptions) error {
	resource, err := acs.ParseConnectionString(connectionString)
	if err != nil {
		return err
	}
	identity, err := acs.NewIdentityClientWithAccessKey(resource.Endpoint, resource.AccessKey, options)
	if err != nil {
		return err
	}
	host, err := identity.CreateUser(ctx, nil)
	if err != nil {
		return err
	}
	guest, err := identity.CreateUser(ctx, nil)
	if err != nil {
		return err
	}

	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := identity.IssueToken(ctx, host.ID, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	chat, err := acs.NewChatClient(resource.Endpoint, credential, options)
	if err != nil {
		return err
	}

	created, err := chat.CreateThread(ctx, "Weekly", nil)
	if err != nil {
		return err
	}
	fmt.Printf("Created %q\n", created.Thread.Topic)

	thread := chat.ThreadClient(created.Thread.ID)
	_, err = thread.AddParticipants(ctx, []acs.Participant{{ID: acs.ParseRawID(guest.ID), DisplayName: "Guest"}}, nil)
	if err != nil {
		return err
	}
	count := 0
	for pager := thread.NewListParticipantsPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		count += len(page.Participants)
	}
	fmt.Println(count, "participants")

	if _, err := chat.DeleteThread(ctx, thread.ID(), nil); err != nil {
		return err
	}
	fmt.Println("Deleted")
	return nil
}

// fixture is a resource with two users for one example, with clients as in [Example].
type fixture struct {
	server        *httptest.Server
	identity      *acs.IdentityClient
	userID, guest string
	chat          *acs.ChatClient // of userID
	guestChat     *acs.ChatClient
}

func newFixture(ctx context.Context) *fixture {
	emu := emulator.New(emulator.Options{})
	f := &fixture{server: httptest.NewTLSServer(emu)}
	options := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: f.server.Client()}}
	var err error
	f.identity, err = acs.NewIdentityClientFromConnectionString(emu.ConnectionString(f.server.URL), options)
	if err != nil {
		panic(err)
	}
	newUser := func() (string, *acs.ChatClient) {
		user, err := f.identity.CreateUser(ctx, &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
		if err != nil {
			panic(err)
		}
		chat, err := acs.NewChatClient(f.server.URL, acs.NewStaticUserCredential(user.Token.Token.Reveal()), options)
		if err != nil {
			panic(err)
		}
		return user.ID, chat
	}
	f.userID, f.chat = newUser()
	f.guest, f.guestChat = newUser()
	return f
}

func (f *fixture) close() { f.server.Close() }

// thread returns a thread with both users as participants.
func (f *fixture) thread(ctx context.Context) *acs.ThreadClient {
	created, err := f.chat.CreateThread(ctx, "Weekly", &acs.CreateThreadOptions{Participants: []acs.Participant{
		{ID: acs.CommunicationUser{ID: f.userID}, DisplayName: "Ada"},
		{ID: acs.CommunicationUser{ID: f.guest}, DisplayName: "Grace"},
	}})
	if err != nil {
		panic(err)
	}
	return f.chat.ThreadClient(created.Thread.ID)
}

// The service can refuse some participants and add the others.
func ExampleInvalidParticipantsError() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	created, err := f.chat.CreateThread(ctx, "Weekly", &acs.CreateThreadOptions{Participants: []acs.Participant{
		{ID: acs.MicrosoftTeamsUser{UserID: "00000000-1111-2222-3333-444444444444"}},
	}})
	if refused, ok := errors.AsType[*acs.InvalidParticipantsError](err); ok {
		for _, p := range refused.Participants {
			fmt.Println(p.Target, p.Code)
		}
	}
	fmt.Println(created.Thread.Topic, "was created")
	// Output:
	// 8:orgid:00000000-1111-2222-3333-444444444444 403
	// Weekly was created
}

// A 404 has the service's own code and message.
func ExampleDetail() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	_, err := f.chat.DeleteThread(ctx, "19:gone@thread.v2", nil)
	if acs.HasStatus(err, http.StatusNotFound) {
		detail, _ := acs.Detail(err)
		fmt.Println(detail.Code)
	}
	if wait, ok := acs.RetryAfter(err); ok {
		fmt.Println("wait", wait.Round(time.Second))
	}
	// Output: NotFound
}

// A raw id determines the kind of identifier.
func ExampleParseRawID() {
	for _, raw := range []string{"8:orgid:00000000-1111-2222-3333-444444444444", "4:+15555550100"} {
		switch id := acs.ParseRawID(raw).(type) {
		case acs.MicrosoftTeamsUser:
			fmt.Println("Teams user", id.UserID)
		case acs.PhoneNumber:
			fmt.Println("telephone", id.Value)
		}
	}
	// Output:
	// Teams user 00000000-1111-2222-3333-444444444444
	// telephone +15555550100
}

// A secret is never printed.
func ExampleSecret() {
	secret := acs.NewSecret("the key")
	fmt.Printf("%v %q\n", secret, secret.Reveal())
	// Output: [redacted] "the key"
}
