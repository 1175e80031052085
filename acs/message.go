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

// MessageType is the type of a message. The service may have more types than those below.
type MessageType string

// The types of messages. Users send the first two. The service sends the others when a thread
// changes, so they have no sender; the content's initiator is the user that made the change.
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
	SequenceID        string // its position in the thread, a number
	Version           string // a number that differs after each change
	Content           MessageContent
	SenderDisplayName string
	Sender            Identifier // never nil; an empty [Unknown] if there is none
	CreatedOn         time.Time  // to the second
	EditedOn          *time.Time // nil unless the message was edited
	DeletedOn         *time.Time // nil unless the message is deleted; the content of a deleted message is empty
	Metadata          map[string]string

	// Raw is the message as the service sent it, including fields that this package does not know.
	Raw json.RawMessage
}

// MessageContent is the content of a message. Its type determines the fields that are set.
type MessageContent struct {
	Message      string        // of text and html
	Attachments  []Attachment  // of text and html from Teams
	Topic        string        // of topicUpdated: the new one
	Participants []Participant // of participantAdded and participantRemoved
	Initiator    Identifier    // the user that made the change; never nil, an empty [Unknown] if there is none
}

// AttachmentType is the type of an attachment. The service may have more types than those below.
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
	URL        string // for download
	PreviewURL string // for a small version
}

// SendMessageOptions are the options of [ThreadClient.SendMessage].
type SendMessageOptions struct {
	// Type is MessageText or MessageHTML. Empty: the service's default, which is text.
	Type MessageType
	// SenderDisplayName is the sender's name in this message and its notification. It may differ
	// from that of the participant.
	SenderDisplayName string
	// Metadata is stored with the message.
	Metadata map[string]string
}

// SendMessageResponse is the result of [ThreadClient.SendMessage].
type SendMessageResponse struct {
	ID string // of the message
}

// SendMessage sends a message of at most about 28 KB; a longer one is refused. A repeated call
// sends it again, also if azcore repeats the call after a lost response. A type that users cannot
// send is a 400, a thread without the user as participant a 403. The quota is 10 in 10 seconds and
// 30 in a minute per thread, shared with UpdateMessage and DeleteMessage.
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

// GetMessage reads a message. A deleted message can still be read: it has DeletedOn, and no text. A
// message that does not exist is a 404, a thread without the user as participant a 403. The quota
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
	// MaxPageSize is the maximum number of messages in a page, at most 200. Zero: the service
	// decides.
	MaxPageSize int32
	// StartTime excludes older messages, to the millisecond. Zero: all messages.
	StartTime time.Time
}

// ListMessagesResponse is one page of [ThreadClient.NewListMessagesPager].
type ListMessagesResponse struct {
	Messages []Message
	NextLink string // of the next page; empty on the last
}

// NewListMessagesPager lists the messages of the thread, including those of the service and deleted
// ones. The latest change comes first: a message that is edited or deleted moves to the front. A
// message that was just sent may be missing for some seconds. A participant sees the messages from
// its ShareHistoryTime on; a user that never was a participant gets a 403. The quota is 50 pages in
// 10 seconds and 200 in a minute per user and thread, and 250 and 400 per thread. The error is
// [ErrNextLink] if a nextLink cannot be followed or the list does not end.
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

// UpdateMessageOptions are the changes of [ThreadClient.UpdateMessage]. Nil fields stay unchanged.
type UpdateMessageOptions struct {
	Content *string
	// Metadata is merged key by key: keys that are not named stay.
	Metadata map[string]string
}

// UpdateMessageResponse is the result of [ThreadClient.UpdateMessage].
type UpdateMessageResponse struct{}

// UpdateMessage edits a message; its type stays. Only the sender may edit it, others get a 403. A
// message that does not exist is a 404. The quota is 10 in 10 seconds and 30 in a minute per
// thread, shared with SendMessage and DeleteMessage.
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

// DeleteMessage removes the text of a message; the message itself stays in the list, with
// DeletedOn. Only the sender may delete it, others get a 403. A message that does not exist is a
// 404. The quota is 10 in 10 seconds and 30 in a minute per thread, shared with SendMessage and
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
