// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// SendReadReceiptOptions are the options of [ThreadClient.SendReadReceipt]. There are none yet.
type SendReadReceiptOptions struct{}

// SendReadReceiptResponse is the result of [ThreadClient.SendReadReceipt].
type SendReadReceiptResponse struct{}

// SendReadReceipt tells the others that the user has read up to a message. The service has no read
// receipts in threads of more than 20 participants. A thread in which the user takes no part is
// a 403. The quota is 10 in 10 seconds and 30 in a minute per user and thread.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/send-chat-read-receipt.
func (c *ThreadClient) SendReadReceipt(ctx context.Context, messageID string, _ *SendReadReceiptOptions) (SendReadReceiptResponse, error) {
	const name = "ThreadClient.SendReadReceipt"
	if messageID == "" {
		return SendReadReceiptResponse{}, fmt.Errorf("%s: %w", name, invalidID("message id is missing"))
	}
	return SendReadReceiptResponse{}, c.call(ctx, operation{
		name:   name,
		method: http.MethodPost,
		path:   "/readReceipts",
		body:   wireSendReadReceipt{MessageID: messageID},
		status: http.StatusOK,
	}, nil)
}

// ReadReceipt says that a participant has read up to a message.
type ReadReceipt struct {
	Sender    Identifier // who has read; never nil
	MessageID string
	ReadOn    time.Time // to the second
}

// ListReadReceiptsOptions are the options of [ThreadClient.NewListReadReceiptsPager].
type ListReadReceiptsOptions struct {
	// MaxPageSize is the most receipts in a page. Zero: as the service likes.
	MaxPageSize int32
	// Skip leaves out so many from the beginning of the list.
	Skip int32
}

// ListReadReceiptsResponse is one page of [ThreadClient.NewListReadReceiptsPager].
type ListReadReceiptsResponse struct {
	ReadReceipts []ReadReceipt
	NextLink     string // of the next page; empty on the last
}

// NewListReadReceiptsPager lists the read receipts of the thread. One just sent may be missing for
// some seconds. The service has none in threads of more than 20 participants. A user who is not
// a participant is refused with 403. The quota is 5 pages in 10 seconds per user and thread, and
// 100 per thread. A nextLink that cannot be followed, and a list without end, is [ErrNextLink].
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/list-chat-read-receipts.
func (c *ThreadClient) NewListReadReceiptsPager(options *ListReadReceiptsOptions) *runtime.Pager[ListReadReceiptsResponse] {
	if options == nil {
		options = &ListReadReceiptsOptions{}
	}
	query := pageQuery(options.MaxPageSize, options.Skip, time.Time{})
	return newPager(func(ctx context.Context, link string) (ListReadReceiptsResponse, error) {
		var page wireReadReceiptList
		err := c.call(ctx, operation{
			name:     "ThreadClient.ListReadReceipts",
			method:   http.MethodGet,
			path:     "/readReceipts",
			query:    query,
			nextLink: link,
			status:   http.StatusOK,
		}, &page)
		if err != nil {
			return ListReadReceiptsResponse{}, err
		}
		response := ListReadReceiptsResponse{ReadReceipts: make([]ReadReceipt, 0, len(page.Value)), NextLink: page.NextLink}
		for _, r := range page.Value {
			response.ReadReceipts = append(response.ReadReceipts, ReadReceipt{
				Sender:    r.Sender.value(),
				MessageID: r.MessageID,
				ReadOn:    r.ReadOn.Time,
			})
		}
		return response, nil
	}, func(page ListReadReceiptsResponse) string { return page.NextLink })
}

// SendTypingNotificationOptions are the options of [ThreadClient.SendTypingNotification].
type SendTypingNotificationOptions struct {
	// SenderDisplayName is the name that others see, for this notification only.
	SenderDisplayName string
}

// SendTypingNotificationResponse is the result of [ThreadClient.SendTypingNotification].
type SendTypingNotificationResponse struct{}

// SendTypingNotification tells the others that the user is writing. The service has no typing
// notifications in threads of more than 20 participants. A thread in which the user takes no part
// is a 403. The quota is 5 in 10 seconds and 15 in a minute per user and thread, and 10 and 30 per
// thread.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/send-typing-notification.
func (c *ThreadClient) SendTypingNotification(ctx context.Context, options *SendTypingNotificationOptions) (SendTypingNotificationResponse, error) {
	if options == nil {
		options = &SendTypingNotificationOptions{}
	}
	return SendTypingNotificationResponse{}, c.call(ctx, operation{
		name:   "ThreadClient.SendTypingNotification",
		method: http.MethodPost,
		path:   "/typing",
		body:   wireSendTypingNotification{SenderDisplayName: options.SenderDisplayName},
		status: http.StatusOK,
	}, nil)
}
