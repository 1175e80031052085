// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// MessageType says what a message is. There may be others than those below.
type MessageType string

// The types of messages. The first two are sent by users, the others by the service itself when a
// thread changes, so they have no sender; who changed it is the content's initiator.
const (
	MessageText               MessageType = "text"
	MessageHTML               MessageType = "html"
	MessageTopicUpdated       MessageType = "topicUpdated"
	MessageParticipantAdded   MessageType = "participantAdded"
	MessageParticipantRemoved MessageType = "participantRemoved"
)

// Message is a message in a thread.
type Message struct {
	ID                string
	Type              MessageType
	SequenceID        string // its place in the thread, a number
	Version           string // another one after each change, a number
	Content           MessageContent
	SenderDisplayName string
	Sender            Identifier // never nil; an empty [Unknown] if there is none
	CreatedOn         time.Time  // to the second
	EditedOn          *time.Time // nil unless the message was edited
	DeletedOn         *time.Time // nil unless the message is deleted; its content is empty then
	Metadata          map[string]string

	// Raw is the message as the service sent it, with what this package does not know.
	Raw json.RawMessage
}

// MessageContent is what a message says. Which fields are set depends on its type.
type MessageContent struct {
	Message      string        // of text and html
	Attachments  []Attachment  // of text and html from Teams
	Topic        string        // of topicUpdated: the new one
	Participants []Participant // of participantAdded and participantRemoved
	Initiator    Identifier    // whose change it was; never nil, an empty [Unknown] if nobody's
}

// AttachmentType says what an attachment is. There may be others than those below.
type AttachmentType string

// The types of attachments.
const (
	AttachmentImage AttachmentType = "image"
	AttachmentFile  AttachmentType = "file"
)

// Attachment is an image or a file that belongs to a message.
type Attachment struct {
	ID         string
	Type       AttachmentType
	Name       string // of the file, with its extension
	URL        string // where it can be downloaded
	PreviewURL string // where a small version can be
}

// SendMessageOptions are the options of [ThreadClient.SendMessage].
type SendMessageOptions struct {
	// Type is MessageText or MessageHTML. Empty: as the service likes, which is text.
	Type MessageType
	// SenderDisplayName is the sender's name in this message and its notification, which need not
	// be that of the participant.
	SenderDisplayName string
	// Metadata is kept with the message.
	Metadata map[string]string
}

// SendMessageResponse is the result of [ThreadClient.SendMessage].
type SendMessageResponse struct {
	ID string // of the message
}

// SendMessage sends a message of at most about 28 KB; a longer one is refused. A call that is
// repeated, also by azcore after a lost answer, sends it again. A type that users do not send is a
// 400, a thread in which the user takes no part a 403. The quota is 10 in 10 seconds and 30 in
// a minute per thread, together with UpdateMessage and DeleteMessage.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/send-chat-message.
func (c *ThreadClient) SendMessage(ctx context.Context, content string, options *SendMessageOptions) (SendMessageResponse, error) {
	if options == nil {
		options = &SendMessageOptions{}
	}
	var sent wireSentMessage
	err := c.call(ctx, operation{
		name:   "ThreadClient.SendMessage",
		method: http.MethodPost,
		path:   "/messages",
		body: wireSendMessage{
			Content:           content,
			Type:              options.Type,
			SenderDisplayName: options.SenderDisplayName,
			Metadata:          options.Metadata,
		},
		status: http.StatusCreated,
	}, &sent)
	if err != nil {
		return SendMessageResponse{}, err
	}
	return SendMessageResponse(sent), nil
}

// GetMessageOptions are the options of [ThreadClient.GetMessage]. There are none yet.
type GetMessageOptions struct{}

// GetMessageResponse is the result of [ThreadClient.GetMessage].
type GetMessageResponse struct {
	Message
}

// GetMessage reads a message. One that was deleted can still be read: it has DeletedOn, and no text.
// A message that does not exist is a 404, a thread in which the user takes no part a 403. The quota
// is 50 in 10 seconds per user and thread, and 250 per thread.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/get-chat-message.
func (c *ThreadClient) GetMessage(ctx context.Context, messageID string, _ *GetMessageOptions) (GetMessageResponse, error) {
	var message wireMessage
	err := c.callMessage(ctx, messageID, operation{
		name:   "ThreadClient.GetMessage",
		method: http.MethodGet,
		status: http.StatusOK,
	}, &message)
	if err != nil {
		return GetMessageResponse{}, err
	}
	return GetMessageResponse{Message: message.value()}, nil
}

// ListMessagesOptions are the options of [ThreadClient.NewListMessagesPager].
type ListMessagesOptions struct {
	// MaxPageSize is the most messages in a page, at most 200. Zero: as the service likes.
	MaxPageSize int32
	// StartTime leaves out messages that are older, to the millisecond. Zero: all.
	StartTime time.Time
}

// ListMessagesResponse is one page of [ThreadClient.NewListMessagesPager].
type ListMessagesResponse struct {
	Messages []Message
	NextLink string // of the next page; empty on the last
}

// NewListMessagesPager lists the messages of the thread, those of the service and deleted ones too.
// What changed last comes first: a message that is edited or deleted moves to the front. A message
// just sent may be missing for some seconds. A participant sees them from its ShareHistoryTime on;
// a user who never was one is refused with 403. The quota is 50 pages in 10 seconds and 200 in a
// minute per user and thread, and 250 and 400 per thread. A nextLink that cannot be followed, and a
// list without end, is [ErrNextLink].
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/list-chat-messages.
func (c *ThreadClient) NewListMessagesPager(options *ListMessagesOptions) *runtime.Pager[ListMessagesResponse] {
	if options == nil {
		options = &ListMessagesOptions{}
	}
	query := pageQuery(options.MaxPageSize, 0, options.StartTime)
	return newPager(func(ctx context.Context, link string) (ListMessagesResponse, error) {
		var page wireMessageList
		err := c.call(ctx, operation{
			name:     "ThreadClient.ListMessages",
			method:   http.MethodGet,
			path:     "/messages",
			query:    query,
			nextLink: link,
			status:   http.StatusOK,
		}, &page)
		if err != nil {
			return ListMessagesResponse{}, err
		}
		response := ListMessagesResponse{Messages: make([]Message, 0, len(page.Value)), NextLink: page.NextLink}
		for i := range page.Value {
			response.Messages = append(response.Messages, page.Value[i].value())
		}
		return response, nil
	}, func(page ListMessagesResponse) string { return page.NextLink })
}

// UpdateMessageOptions say what [ThreadClient.UpdateMessage] changes. What is nil stays as it is.
type UpdateMessageOptions struct {
	Content *string
	// Metadata is merged key by key: keys that are not named stay.
	Metadata map[string]string
}

// UpdateMessageResponse is the result of [ThreadClient.UpdateMessage].
type UpdateMessageResponse struct{}

// UpdateMessage edits a message; its type stays. Only the sender may, others are refused with 403. A
// message that does not exist is a 404. The quota is 10 in 10 seconds and 30 in a minute per
// thread, together with SendMessage and DeleteMessage.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/update-chat-message.
func (c *ThreadClient) UpdateMessage(ctx context.Context, messageID string, options *UpdateMessageOptions) (UpdateMessageResponse, error) {
	if options == nil {
		options = &UpdateMessageOptions{}
	}
	return UpdateMessageResponse{}, c.callMessage(ctx, messageID, operation{
		name:        "ThreadClient.UpdateMessage",
		method:      http.MethodPatch,
		body:        wireUpdateMessage{Content: options.Content, Metadata: options.Metadata},
		contentType: contentTypeMergePatch,
		status:      http.StatusNoContent,
	}, nil)
}

// DeleteMessageOptions are the options of [ThreadClient.DeleteMessage]. There are none yet.
type DeleteMessageOptions struct{}

// DeleteMessageResponse is the result of [ThreadClient.DeleteMessage].
type DeleteMessageResponse struct{}

// DeleteMessage takes a message's text away; the message itself stays in the list, with DeletedOn.
// Only the sender may, others are refused with 403. A message that does not exist is a 404. The
// quota is 10 in 10 seconds and 30 in a minute per thread, together with SendMessage and
// UpdateMessage.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/delete-chat-message.
func (c *ThreadClient) DeleteMessage(ctx context.Context, messageID string, _ *DeleteMessageOptions) (DeleteMessageResponse, error) {
	return DeleteMessageResponse{}, c.callMessage(ctx, messageID, operation{
		name:   "ThreadClient.DeleteMessage",
		method: http.MethodDelete,
		status: http.StatusNoContent,
	}, nil)
}

// callMessage performs an operation on one message.
func (c *ThreadClient) callMessage(ctx context.Context, messageID string, op operation, out answer) error {
	message, err := escape("message id", messageID)
	if err != nil {
		return fmt.Errorf("%s: %w", op.name, err)
	}
	op.path = "/messages/" + message
	return c.call(ctx, op, out)
}
