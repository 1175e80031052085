// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ThreadClient calls the Chat service for one thread. It is safe for concurrent use.
type ThreadClient struct {
	client *client
	id     string
}

// ID returns the thread's id.
func (c *ThreadClient) ID() string { return c.id }

// call performs an operation whose path begins below the thread.
func (c *ThreadClient) call(ctx context.Context, op operation, out answer) error {
	thread, err := escape("thread id", c.id)
	if err != nil {
		return fmt.Errorf("%s: %w", op.name, err)
	}
	op.path = threadsPath + "/" + thread + op.path
	return c.client.call(ctx, op, out)
}

// ThreadProperties are the properties of a thread. Its participants are not among them.
type ThreadProperties struct {
	ID              string
	Topic           string
	CreatedOn       time.Time         // to the second
	CreatedBy       Identifier        // never nil; an empty [Unknown] if the service omits it
	DeletedOn       *time.Time        // nil unless the thread is deleted
	Metadata        map[string]string // at most 1 KB in all
	RetentionPolicy *RetentionPolicy  // nil if the service omits it
}

// RetentionKind is the start of a thread's lifetime.
type RetentionKind string

// The kinds of retention.
const (
	RetentionNone               RetentionKind = "none"               // the thread is kept
	RetentionThreadCreationDate RetentionKind = "threadCreationDate" // it is deleted a number of days after its creation
)

// RetentionPolicy defines when the service deletes a thread by itself.
type RetentionPolicy struct {
	Kind RetentionKind
	// DeleteThreadAfterDays is from 30 to 90; zero with RetentionNone.
	DeleteThreadAfterDays int32
}

// GetThreadPropertiesOptions are the options of [ThreadClient.GetProperties]. There are none yet.
type GetThreadPropertiesOptions struct{}

// GetThreadPropertiesResponse is the result of [ThreadClient.GetProperties].
type GetThreadPropertiesResponse struct {
	ThreadProperties
}

// GetProperties reads the thread. A thread that does not exist is a 404, a thread without the user
// as participant a 403. The quota is 50 in 10 seconds per user, shared with NewListThreadsPager.
//
// See
// https://learn.microsoft.com/rest/api/communication/chat/chat-thread/get-chat-thread-properties.
func (c *ThreadClient) GetProperties(ctx context.Context, _ *GetThreadPropertiesOptions) (GetThreadPropertiesResponse, error) {
	var thread wireThread
	err := c.call(ctx, operation{
		name:   "ThreadClient.GetProperties",
		method: http.MethodGet,
		status: http.StatusOK,
	}, &thread)
	if err != nil {
		return GetThreadPropertiesResponse{}, err
	}
	return GetThreadPropertiesResponse{ThreadProperties: thread.value()}, nil
}

// UpdateThreadPropertiesOptions are the changes of [ThreadClient.UpdateProperties]. Nil fields stay
// unchanged.
type UpdateThreadPropertiesOptions struct {
	Topic *string
	// Metadata is merged key by key: keys that are not named stay. A key cannot be removed, but an
	// empty value empties it. The result may have at most 1 KB.
	Metadata map[string]string
	// RetentionPolicy replaces the present one.
	RetentionPolicy *RetentionPolicy
}

// UpdateThreadPropertiesResponse is the result of [ThreadClient.UpdateProperties].
type UpdateThreadPropertiesResponse struct{}

// UpdateProperties changes the thread. A thread that does not exist is a 404. A thread without the
// user as participant, or a token without [ScopeChat], is a 403. The quota is 5 in 10 seconds per
// thread.
//
// See
// https://learn.microsoft.com/rest/api/communication/chat/chat-thread/update-chat-thread-properties.
func (c *ThreadClient) UpdateProperties(ctx context.Context, options *UpdateThreadPropertiesOptions) (UpdateThreadPropertiesResponse, error) {
	if options == nil {
		options = &UpdateThreadPropertiesOptions{}
	}
	return UpdateThreadPropertiesResponse{}, c.call(ctx, operation{
		name:   "ThreadClient.UpdateProperties",
		method: http.MethodPatch,
		body: wireUpdateThread{
			Topic:           options.Topic,
			Metadata:        options.Metadata,
			RetentionPolicy: (*wireRetentionPolicy)(options.RetentionPolicy),
		},
		contentType: contentTypeMergePatch,
		status:      http.StatusNoContent,
	}, nil)
}
