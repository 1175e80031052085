// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/uuid"
)

// ChatClient calls the Chat service on behalf of one user. It is safe for concurrent use.
type ChatClient struct {
	client *client
}

// NewChatClient returns a client for the user of the credential. The endpoint is that of the
// resource, such as https://contoso.communication.azure.com. The error reports invalid arguments;
// no call is made. When the service answers 401, the call gets a new token from the credential and
// is sent once more.
func NewChatClient(endpoint string, cred *UserCredential, options *ClientOptions) (*ChatClient, error) {
	if cred == nil {
		return nil, errors.New("credential is nil")
	}
	c, err := newClient(endpoint, chatAPIVersion, authentication{policy: &userTokenPolicy{credential: cred}}, options)
	if err != nil {
		return nil, err
	}
	return &ChatClient{client: c}, nil
}

// ThreadClient returns a client for one thread. No call is made, so the thread need not exist.
func (c *ChatClient) ThreadClient(threadID string) *ThreadClient {
	return &ThreadClient{client: c.client, id: threadID}
}

// CreateThreadOptions are the options of [ChatClient.CreateThread].
type CreateThreadOptions struct {
	// Participants are the first participants, at most 200. Add more with AddParticipants. The
	// caller becomes a participant without being listed, but then has no display name.
	Participants []Participant
	// Metadata is stored with the thread: at most 1 KB in all.
	Metadata map[string]string
	// RetentionPolicy defines when the service deletes the thread. Nil: never.
	RetentionPolicy *RetentionPolicy
	// RepeatabilityRequestID makes the call idempotent: a repeated call with the same id returns
	// the thread that the first call created, even if other options have changed. The period in
	// which this holds is not documented. A UUID is best. Empty: a new random one for each call.
	RepeatabilityRequestID string
}

// CreateThreadResponse is the result of [ChatClient.CreateThread].
type CreateThreadResponse struct {
	Thread ThreadProperties
}

// CreateThread creates a thread, with the caller as a participant. If the service refuses some of
// the other participants, the thread exists: the response is filled in and the error is an
// [*InvalidParticipantsError]. A malformed participant, or more than 200, results in a 400, and no
// thread is created. The token needs [ScopeChat]. The quota is 10 in 10 seconds per user.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat/create-chat-thread.
func (c *ChatClient) CreateThread(ctx context.Context, topic string, options *CreateThreadOptions) (CreateThreadResponse, error) {
	if options == nil {
		options = &CreateThreadOptions{}
	}
	const name = "ChatClient.CreateThread"
	participants, err := newWireParticipants(options.Participants)
	if err != nil {
		return CreateThreadResponse{}, fmt.Errorf("%s: %w", name, err)
	}
	requestID := options.RepeatabilityRequestID
	if requestID == "" {
		random, err := uuid.NewRandom()
		if err != nil {
			return CreateThreadResponse{}, fmt.Errorf("%s: %w", name, err)
		}
		requestID = random.String()
	}
	var created wireCreatedThread
	err = c.client.call(ctx, operation{
		name:   name,
		method: http.MethodPost,
		path:   threadsPath,
		header: map[string]string{"repeatability-request-id": requestID},
		body: wireCreateThread{
			Topic:           topic,
			Participants:    participants,
			Metadata:        options.Metadata,
			RetentionPolicy: (*wireRetentionPolicy)(options.RetentionPolicy),
		},
		status: http.StatusCreated,
	}, &created)
	if err != nil {
		return CreateThreadResponse{}, err
	}
	return CreateThreadResponse{Thread: created.ChatThread.value()}, created.err()
}

// ListThreadsOptions are the options of [ChatClient.NewListThreadsPager].
type ListThreadsOptions struct {
	// MaxPageSize is the maximum number of threads in a page. Zero: the service decides.
	MaxPageSize int32
	// StartTime excludes older threads, to the millisecond. Zero: all threads.
	StartTime time.Time
}

// ListThreadsResponse is one page of [ChatClient.NewListThreadsPager].
type ListThreadsResponse struct {
	Threads  []ThreadItem
	NextLink string // of the next page; empty on the last
}

// ThreadItem is a thread in a list.
type ThreadItem struct {
	ID                    string
	Topic                 string
	DeletedOn             *time.Time // nil unless the thread is deleted
	LastMessageReceivedOn *time.Time // nil if there is none, or if the service does not know it yet
}

// NewListThreadsPager lists the threads of the user. The list includes threads that the user has
// left or was removed from, and may include deleted ones. A thread that was just created may be
// missing for some seconds. The quota is 50 in 10 seconds per user, shared with GetProperties. The
// error is [ErrNextLink] if a nextLink cannot be followed or the list does not end.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat/list-chat-threads.
func (c *ChatClient) NewListThreadsPager(options *ListThreadsOptions) *runtime.Pager[ListThreadsResponse] {
	if options == nil {
		options = &ListThreadsOptions{}
	}
	query := pageQuery(options.MaxPageSize, 0, options.StartTime)
	return newPager(func(ctx context.Context, link string) (ListThreadsResponse, error) {
		var page wireThreadList
		err := c.client.call(ctx, operation{
			name:     "ChatClient.ListThreads",
			method:   http.MethodGet,
			path:     threadsPath,
			query:    query,
			nextLink: link,
			status:   http.StatusOK,
		}, &page)
		if err != nil {
			return ListThreadsResponse{}, err
		}
		response := ListThreadsResponse{Threads: make([]ThreadItem, 0, len(page.Value)), NextLink: page.NextLink}
		for _, item := range page.Value {
			response.Threads = append(response.Threads, ThreadItem{
				ID:                    item.ID,
				Topic:                 item.Topic,
				DeletedOn:             item.DeletedOn.pointer(),
				LastMessageReceivedOn: item.LastMessageReceivedOn.pointer(),
			})
		}
		return response, nil
	}, func(page ListThreadsResponse) string { return page.NextLink })
}

// DeleteThreadOptions are the options of [ChatClient.DeleteThread]. There are none yet.
type DeleteThreadOptions struct{}

// DeleteThreadResponse is the result of [ChatClient.DeleteThread].
type DeleteThreadResponse struct{}

// DeleteThread deletes a thread for everyone. Any participant with a token that has [ScopeChat] may
// delete it; others get a 403. A thread that does not exist is a 404. The quota is 10 in 10 seconds
// per user.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat/delete-chat-thread.
func (c *ChatClient) DeleteThread(ctx context.Context, threadID string, _ *DeleteThreadOptions) (DeleteThreadResponse, error) {
	const name = "ChatClient.DeleteThread"
	thread, err := escape("thread id", threadID)
	if err != nil {
		return DeleteThreadResponse{}, fmt.Errorf("%s: %w", name, err)
	}
	return DeleteThreadResponse{}, c.client.call(ctx, operation{
		name:   name,
		method: http.MethodDelete,
		path:   threadsPath + "/" + thread,
		status: http.StatusNoContent,
	}, nil)
}
