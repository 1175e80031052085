// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"fmt"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// A message in HTML, with a sender's name for this message only.
func ExampleThreadClient_SendMessage() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "<b>Hello</b>", &acs.SendMessageOptions{
		Type:              acs.MessageHTML,
		SenderDisplayName: "Ada",
		Metadata:          map[string]string{"mood": "good"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sent.ID != "")
	// Output: true
}

// A message that another participant sent.
func ExampleThreadClient_GetMessage() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "Hello", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := f.guestChat.ThreadClient(thread.ID()).GetMessage(ctx, sent.ID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.Type, message.Content.Message, message.Sender.RawID() == f.userID)
	// Output: text Hello true
}

// Messages of users and of the service, the latest first.
func ExampleThreadClient_NewListMessagesPager() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "Hello", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = thread.DeleteMessage(ctx, sent.ID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	pager := thread.NewListMessagesPager(&acs.ListMessagesOptions{MaxPageSize: 50, StartTime: time.Now().Add(-time.Hour)})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, message := range page.Messages {
			switch message.Type {
			case acs.MessageText, acs.MessageHTML:
				fmt.Printf("message %q, deleted %t\n", message.Content.Message, message.DeletedOn != nil)
			case acs.MessageTopicUpdated:
				fmt.Println("topic", message.Content.Topic)
			case acs.MessageParticipantAdded, acs.MessageParticipantRemoved:
				fmt.Println(message.Type, len(message.Content.Participants))
			default:
				fmt.Printf("%s\n", message.Raw) // a type added later
			}
		}
	}
	// Output:
	// message "", deleted true
	// topic Weekly
	// participantAdded 2
}

// An edited message has the time of the edit.
func ExampleThreadClient_UpdateMessage() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "Hello", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = thread.UpdateMessage(ctx, sent.ID, &acs.UpdateMessageOptions{Content: new("Hello all")})
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := thread.GetMessage(ctx, sent.ID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.Content.Message, message.EditedOn != nil)
	// Output: Hello all true
}

// Only the sender may delete a message.
func ExampleThreadClient_DeleteMessage() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "Hello", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = f.guestChat.ThreadClient(thread.ID()).DeleteMessage(ctx, sent.ID, nil)
	fmt.Println(acs.HasCode(err, acs.CodeForbidden))
	_, err = thread.DeleteMessage(ctx, sent.ID, nil)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// The reader sends a receipt, and the others see it.
func ExampleThreadClient_SendReadReceipt() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "Hello", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = f.guestChat.ThreadClient(thread.ID()).SendReadReceipt(ctx, sent.ID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := thread.NewListReadReceiptsPager(nil).NextPage(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(page.ReadReceipts))
	// Output: 1
}

// The last message that each participant has read.
func ExampleThreadClient_NewListReadReceiptsPager() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	sent, err := thread.SendMessage(ctx, "Hello", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = f.guestChat.ThreadClient(thread.ID()).SendReadReceipt(ctx, sent.ID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for pager := thread.NewListReadReceiptsPager(&acs.ListReadReceiptsOptions{MaxPageSize: 20}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, receipt := range page.ReadReceipts {
			fmt.Println(receipt.Sender.RawID() == f.guest, receipt.MessageID == sent.ID)
		}
	}
	// Output: true true
}

// The others see that Ada is typing.
func ExampleThreadClient_SendTypingNotification() {
	ctx := context.Background()
	f := newFixture(ctx)
	defer f.close()
	thread := f.thread(ctx)

	_, err := thread.SendTypingNotification(ctx, &acs.SendTypingNotificationOptions{SenderDisplayName: "Ada"})
	fmt.Println(err)
	// Output: <nil>
}
