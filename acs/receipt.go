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

// SendReadReceipt notifies the others that the user has read up to a message. The service has no
// read receipts in threads of more than 20 participants. A thread without the user as participant
// is a 403. The quota is 10 in 10 seconds and 30 in a minute per user and thread.
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

// ReadReceipt states that a participant has read up to a message.
type ReadReceipt struct {
	Sender    Identifier // the reader; never nil
	MessageID string
	ReadOn    time.Time // to the second
}

// ListReadReceiptsOptions are the options of [ThreadClient.NewListReadReceiptsPager].
type ListReadReceiptsOptions struct {
	// MaxPageSize is the maximum number of receipts in a page. Zero: the service decides.
	MaxPageSize int32
	// Skip is the number of receipts to leave out from the beginning of the list.
	Skip int32
}

// ListReadReceiptsResponse is one page of [ThreadClient.NewListReadReceiptsPager].
type ListReadReceiptsResponse struct {
	ReadReceipts []ReadReceipt
	NextLink     string // of the next page; empty on the last
}

// NewListReadReceiptsPager lists the read receipts of the thread. One that was just sent may be
// missing for some seconds. The service has none in threads of more than 20 participants. A user
// that is not a participant gets a 403. The quota is 5 pages in 10 seconds per user and thread, and
// 100 per thread. The error is [ErrNextLink] if a nextLink cannot be followed or the list does not
// end.
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

// SendTypingNotification notifies the others that the user is typing. The service has no typing
// notifications in threads of more than 20 participants. A thread without the user as participant
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
