// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// Participant is a member of a thread.
type Participant struct {
	ID          Identifier
	DisplayName string
	// ShareHistoryTime is the time from which on the participant sees messages. It is sent to the
	// millisecond and stored to the second. Nil in a call that adds participants means all
	// messages; nil in a list means that the service does not name the time.
	ShareHistoryTime *time.Time
	// Metadata is stored with the participant: at most 1 KB in all.
	Metadata map[string]string
}

// ListParticipantsOptions are the options of [ThreadClient.NewListParticipantsPager].
type ListParticipantsOptions struct {
	// MaxPageSize is the maximum number of participants in a page. Zero: the service decides.
	MaxPageSize int32
	// Skip is the number of participants to leave out from the beginning of the list.
	Skip int32
}

// ListParticipantsResponse is one page of [ThreadClient.NewListParticipantsPager].
type ListParticipantsResponse struct {
	Participants []Participant
	NextLink     string // of the next page; empty on the last
}

// NewListParticipantsPager lists the participants of the thread, at most 250 in all. A user that is
// not a participant gets a 403. The quota is 10 pages in 10 seconds per user and thread. The error
// is [ErrNextLink] if a nextLink cannot be followed or the list does not end.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/list-chat-participants.
func (c *ThreadClient) NewListParticipantsPager(options *ListParticipantsOptions) *runtime.Pager[ListParticipantsResponse] {
	if options == nil {
		options = &ListParticipantsOptions{}
	}
	query := pageQuery(options.MaxPageSize, options.Skip, time.Time{})
	return newPager(func(ctx context.Context, link string) (ListParticipantsResponse, error) {
		var page wireParticipantList
		err := c.call(ctx, operation{
			name:     "ThreadClient.ListParticipants",
			method:   http.MethodGet,
			path:     "/participants",
			query:    query,
			nextLink: link,
			status:   http.StatusOK,
		}, &page)
		if err != nil {
			return ListParticipantsResponse{}, err
		}
		response := ListParticipantsResponse{Participants: make([]Participant, 0, len(page.Value)), NextLink: page.NextLink}
		for _, p := range page.Value {
			response.Participants = append(response.Participants, p.value())
		}
		return response, nil
	}, func(page ListParticipantsResponse) string { return page.NextLink })
}

// AddParticipantsOptions are the options of [ThreadClient.AddParticipants]. There are none yet.
type AddParticipantsOptions struct{}

// AddParticipantsResponse is the result of [ThreadClient.AddParticipants].
type AddParticipantsResponse struct{}

// AddParticipants adds participants to the thread: at most 200 in a call, at most 250 in a thread.
// An existing participant stays unchanged, display name included. If the service refuses some, the
// others are added and the error is an [*InvalidParticipantsError]. A malformed identifier, or more
// than 200, is a 400, and nobody is added. The token needs [ScopeChat] or [ScopeChatJoin]. The
// quota is 10 in 10 seconds and 30 in a minute per thread, shared with RemoveParticipant.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/add-chat-participants.
func (c *ThreadClient) AddParticipants(ctx context.Context, participants []Participant, _ *AddParticipantsOptions) (AddParticipantsResponse, error) {
	const name = "ThreadClient.AddParticipants"
	models, err := newWireParticipants(participants)
	if err != nil {
		return AddParticipantsResponse{}, fmt.Errorf("%s: %w", name, err)
	}
	var added wireInvalidParticipants
	err = c.call(ctx, operation{
		name:   name,
		method: http.MethodPost,
		path:   "/participants/:add",
		body:   wireAddParticipants{Participants: models},
		status: http.StatusCreated,
	}, &added)
	if err != nil {
		return AddParticipantsResponse{}, err
	}
	return AddParticipantsResponse{}, added.err()
}

// RemoveParticipantOptions are the options of [ThreadClient.RemoveParticipant]. There are none yet.
type RemoveParticipantOptions struct{}

// RemoveParticipantResponse is the result of [ThreadClient.RemoveParticipant].
type RemoveParticipantResponse struct{}

// RemoveParticipant removes a participant from the thread; it is not an error if the user is not a
// participant. A user that removes itself gets a 403 from then on, and only another participant can
// add it again. The token needs [ScopeChat] or [ScopeChatJoin]. A malformed identifier is a 400.
// The quota is 10 in 10 seconds and 30 in a minute per thread, shared with AddParticipants.
//
// See https://learn.microsoft.com/rest/api/communication/chat/chat-thread/remove-chat-participant.
func (c *ThreadClient) RemoveParticipant(ctx context.Context, participant Identifier, _ *RemoveParticipantOptions) (RemoveParticipantResponse, error) {
	const name = "ThreadClient.RemoveParticipant"
	id, err := newWireIdentifier(participant)
	if err != nil {
		return RemoveParticipantResponse{}, fmt.Errorf("%s: %w", name, err)
	}
	return RemoveParticipantResponse{}, c.call(ctx, operation{
		name:   name,
		method: http.MethodPost,
		path:   "/participants/:remove",
		body:   id,
		status: http.StatusNoContent,
	}, nil)
}

// InvalidParticipant is a participant that the service refused.
type InvalidParticipant struct {
	Target  string // the raw id; expect other forms, and an empty one
	Code    string // "403": this resource may not add it; "404": unknown
	Message string
}

// InvalidParticipantsError reports that a call succeeded, but not for these participants.
type InvalidParticipantsError struct {
	Participants []InvalidParticipant
}

// Error counts the participants and names the first three; texts of the service are cut.
func (e *InvalidParticipantsError) Error() string {
	const named, length = 3, 100
	var text strings.Builder
	fmt.Fprintf(&text, "%d participants were refused", len(e.Participants))
	separator := ": "
	for _, p := range e.Participants[:min(len(e.Participants), named)] {
		fmt.Fprintf(&text, "%s%s (%s: %s)", separator, cut(p.Target, length), cut(p.Code, length), cut(p.Message, length))
		separator = ", "
	}
	if more := len(e.Participants) - named; more > 0 {
		fmt.Fprintf(&text, " and %d more", more)
	}
	return text.String()
}
