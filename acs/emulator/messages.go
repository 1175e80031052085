// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxMessage is documented as about 28 KB; the exact measure and the refusal of longer messages
	// are not recorded.
	maxMessage = 28 * 1024
	// messagesPage is the page size in a recorded link of a list for which the client set none.
	messagesPage = 10
	// imagesVersion is the only version in which messages are sent with attachments.
	imagesVersion = "2024-06-05-preview"
)

type messageContent struct {
	Message      *string            `json:"message,omitempty"`
	Topic        string             `json:"topic,omitempty"`
	Participants []participantModel `json:"participants,omitempty"`
	Attachments  []json.RawMessage  `json:"attachments,omitempty"`
	Initiator    *identifierModel   `json:"initiatorCommunicationIdentifier,omitempty"`
}

type messageModel struct {
	ID                string            `json:"id"`
	Type              string            `json:"type"`
	SequenceID        string            `json:"sequenceId"`
	Version           string            `json:"version"`
	Content           messageContent    `json:"content"`
	SenderDisplayName *string           `json:"senderDisplayName,omitempty"` // "" is sent, as recorded
	CreatedOn         string            `json:"createdOn"`
	Sender            *identifierModel  `json:"senderCommunicationIdentifier,omitempty"`
	DeletedOn         string            `json:"deletedOn,omitempty"`
	EditedOn          string            `json:"editedOn,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
}

type messageList struct {
	Value    []messageModel `json:"value"`
	NextLink string         `json:"nextLink,omitempty"`
}

type sendMessageResult struct {
	ID string `json:"id"`
}

// messageModel is the form of a message in a response. GET returns a message with a constant
// sequence number, but lists have the sequence number of the latest change: recordings of different
// years show both.
func (s *Server) messageModel(m Message, sequence int) messageModel {
	model := messageModel{
		ID: strconv.FormatInt(m.ID, 10), Type: m.Type, SequenceID: strconv.Itoa(sequence), Version: strconv.FormatInt(m.Version, 10),
		Content:   messageContent{Topic: m.Topic, Attachments: m.Attachments},
		CreatedOn: formatMilli(m.ID), DeletedOn: formatOptional(m.DeletedOn), EditedOn: formatOptional(m.EditedOn), Metadata: m.Metadata,
	}
	for _, member := range m.Participants {
		model.Content.Participants = append(model.Content.Participants, s.participantModel(member))
	}
	if m.Initiator != "" {
		initiator := newIdentifierModel(m.Initiator, s.options.WithKind)
		model.Content.Initiator = &initiator
	}
	if m.Sender != "" {
		sender := newIdentifierModel(m.Sender, s.options.WithKind)
		model.Sender, model.SenderDisplayName, model.Content.Message = &sender, &m.SenderDisplayName, &m.Content
	}
	return model
}

func formatMilli(id int64) string { return time.UnixMilli(id).UTC().Format(secondsForm) }

func messageTooLarge(content string, metadata map[string]string) bool {
	return len(content)+metadataSize(metadata) > maxMessage
}

func tooLarge() *apiError {
	return &apiError{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge"}
}

// sendMessage refuses a message without content; the service's response to one is not recorded.
func (s *Server) sendMessage(e *exchange) (answer, *apiError) {
	m := Message{Type: textMessage}
	var metadata stringMap
	known := fields{{"content", &m.Content}, {"senderDisplayName", &m.SenderDisplayName}, {"type", &m.Type}, {metadataField, &metadata}}
	if e.version == imagesVersion {
		known = append(known, field{"attachments", &m.Attachments})
	}
	_, err := decodeObject(e.body, known)
	switch {
	case err != nil:
		return answer{}, invalidRequest(err)
	case m.Content == "":
		return answer{}, badRequest("The request is invalid: content is required.")
	case m.Type != textMessage && m.Type != htmlMessage:
		return answer{}, badRequest("The request is invalid: type must be text or html.")
	case messageTooLarge(m.Content, metadata):
		return answer{}, tooLarge()
	}
	m.Metadata = metadata
	id, refusal := s.store.sendMessage(e.threadID, e.caller.user, m)
	if refusal != nil {
		return answer{}, refusal
	}
	sent := strconv.FormatInt(id, 10)
	return answer{
		status: http.StatusCreated, body: sendMessageResult{ID: sent},
		header: http.Header{"Location": {e.threadURL() + "/messages/" + sent}},
	}, nil
}

// messageID reads the id in the path. An id that is not a number belongs to no message.
func (e *exchange) messageID() (int64, *apiError) {
	id, err := strconv.ParseInt(e.itemID, 10, 64)
	if err != nil || id <= 0 {
		return 0, messageNotFound()
	}
	return id, nil
}

func (s *Server) getMessage(e *exchange) (answer, *apiError) {
	id, refusal := e.messageID()
	if refusal != nil {
		return answer{}, refusal
	}
	m, refusal := s.store.getMessage(e.threadID, e.caller.user, id)
	if refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusOK, body: s.messageModel(m, m.Sequence)}, nil
}

func (s *Server) updateMessage(e *exchange) (answer, *apiError) {
	var content string
	var metadata stringMap
	present, err := decodeObject(e.body, fields{{"content", &content}, {metadataField, &metadata}})
	if err != nil {
		return answer{}, invalidRequest(err)
	}
	var change *string
	if present.has("content") {
		if content == "" {
			return answer{}, badRequest("The request is invalid: content must not be empty.")
		}
		change = &content
	}
	id, refusal := e.messageID()
	if refusal == nil {
		refusal = s.store.updateMessage(e.threadID, e.caller.user, id, change, metadata)
	}
	return answer{status: http.StatusNoContent}, refusal
}

func (s *Server) deleteMessage(e *exchange) (answer, *apiError) {
	id, refusal := e.messageID()
	if refusal == nil {
		refusal = s.store.deleteMessage(e.threadID, e.caller.user, id)
	}
	return answer{status: http.StatusNoContent}, refusal
}

// listMessages treats startTime as an inclusive lower bound of the latest change. The specification
// neither names the time that it limits nor states whether the bound is inclusive.
func (s *Server) listMessages(e *exchange) (answer, *apiError) {
	query := e.query()
	size, refusal := queryNumber(query, "maxPageSize", 1, messagesPage)
	if refusal != nil {
		return answer{}, refusal
	}
	size = min(size, largestPage)
	from, refusal := startTime(query)
	if refusal != nil {
		return answer{}, refusal
	}
	below, newest := int64(forever), int64(0)
	if state := query.Get("syncState"); state != "" {
		if below, newest, refusal = decodeSyncState(state, e.threadID); refusal != nil {
			return answer{}, refusal
		}
	}
	page, more, refusal := s.store.listMessages(e.threadID, e.caller.user, below, from.UnixMilli(), size)
	if refusal != nil {
		return answer{}, refusal
	}
	list := messageList{Value: make([]messageModel, len(page))}
	for i, m := range page {
		list.Value[i] = s.messageModel(m, m.Changed)
	}
	if more {
		if newest == 0 {
			newest = page[0].Version
		}
		// Recorded links have this form, with a startTime even if the request had none.
		list.NextLink = e.baseURL() + "/chat/threads/" + e.threadID + "/messages?syncState=" +
			encodeSyncState(e.threadID, page[len(page)-1].Version, newest) +
			"&startTime=" + strings.ReplaceAll(url.QueryEscape(from.Format(linkTimeForm)), "+", "%20") +
			"&maxPageSize=" + strconv.Itoa(size) + "&api-version=" + e.version
	}
	return answer{status: http.StatusOK, body: list}, nil
}
