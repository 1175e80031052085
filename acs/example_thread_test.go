// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// A repeated call with the same id creates no second thread.
func ExampleChatClient_CreateThread() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	options := &acs.CreateThreadOptions{
		Participants:           []acs.Participant{{ID: acs.CommunicationUser{ID: f.guest}, DisplayName: "Grace"}},
		Metadata:               map[string]string{"team": "blue"},
		RetentionPolicy:        &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: 30},
		RepeatabilityRequestID: "5d8f8d0c-2f1e-4c0e-9a57-0d6f2f0a4e11",
	}
	first, err := f.chat.CreateThread(ctx, "Weekly", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := f.chat.CreateThread(ctx, "Weekly", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(first.Thread.Topic, first.Thread.ID == second.Thread.ID)
	// Output: Weekly true
}

// A client for an existing thread needs no call.
func ExampleChatClient_ThreadClient() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	id := f.thread(ctx).ID() // from storage

	thread, err := f.chat.ThreadClient(id).GetProperties(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(thread.Topic)
	// Output: Weekly
}

// The threads of a user, page by page.
func ExampleChatClient_NewListThreadsPager() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()

	for _, topic := range []string{"Daily", "Weekly", "Monthly"} {
		if _, err := f.chat.CreateThread(ctx, topic, nil); err != nil {
			fmt.Println(err)
			return
		}
	}
	pager := f.chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: 2, StartTime: time.Now().Add(-time.Hour)})
	count := 0
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		count += len(page.Threads)
	}
	fmt.Println(count, "threads")
	// Output: 3 threads
}

// A thread is deleted for all participants.
func ExampleChatClient_DeleteThread() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	if _, err := f.chat.DeleteThread(ctx, thread.ID(), nil); err != nil {
		fmt.Println(err)
		return
	}
	_, err := f.guestChat.ThreadClient(thread.ID()).GetProperties(ctx, nil)
	fmt.Println(acs.HasCode(err, acs.CodeNotFound))
	// Output: true
}

// The properties of a thread.
func ExampleThreadClient_GetProperties() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	properties, err := thread.GetProperties(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(properties.Topic, properties.CreatedBy.RawID() == f.userID)
	// Output: Weekly true
}

// Fields that are not set stay unchanged.
func ExampleThreadClient_UpdateProperties() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	_, err := thread.UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{
		Topic:    new("Monthly"),
		Metadata: map[string]string{"team": "red"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	properties, err := thread.GetProperties(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(properties.Topic, properties.Metadata)
	// Output: Monthly map[team:red]
}

// The participants of a thread, page by page.
func ExampleThreadClient_NewListParticipantsPager() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	for pager := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: 50}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, participant := range page.Participants {
			fmt.Println(participant.DisplayName)
		}
	}
	// Output:
	// Ada
	// Grace
}

// One participant or many, with the messages since a given time.
func ExampleThreadClient_AddParticipants() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	user, err := f.identity.CreateUser(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	since := time.Now().Add(-24 * time.Hour)
	_, err = thread.AddParticipants(ctx, []acs.Participant{
		{
			ID:               acs.CommunicationUser{ID: user.ID},
			DisplayName:      "Edsger",
			ShareHistoryTime: &since,
			Metadata:         map[string]string{"role": "guest"},
		},
		{ID: acs.MicrosoftTeamsUser{UserID: "00000000-1111-2222-3333-444444444444"}},
	}, nil)
	if refused, ok := errors.AsType[*acs.InvalidParticipantsError](err); ok {
		fmt.Println(refused) // and the others were added
	} else if err != nil {
		fmt.Println(err)
	}
	// Output: 1 participants were refused: 8:orgid:00000000-1111-2222-3333-444444444444 (403: Permissions check failed)
}

// A removed participant can no longer read the thread.
func ExampleThreadClient_RemoveParticipant() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	if _, err := thread.RemoveParticipant(ctx, acs.CommunicationUser{ID: f.guest}, nil); err != nil {
		fmt.Println(err)
		return
	}
	_, err := f.guestChat.ThreadClient(thread.ID()).GetProperties(ctx, nil)
	fmt.Println(acs.HasCode(err, acs.CodeForbidden))
	// Output: true
}
