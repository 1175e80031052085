// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

type wireSendMessage struct {
	Content           string            `json:"content"`
	Type              MessageType       `json:"type,omitempty"`
	SenderDisplayName string            `json:"senderDisplayName,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
}

type wireSentMessage struct {
	ID string `json:"id"`
}

func (w *wireSentMessage) validate() error {
	if w.ID == "" {
		return errors.New("message has no id")
	}
	return nil
}

type wireUpdateMessage struct {
	Content  *string           `json:"content,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

type wireMessage struct {
	ID                string             `json:"id"`
	Type              MessageType        `json:"type"`
	SequenceID        string             `json:"sequenceId"`
	Version           string             `json:"version"`
	Content           wireMessageContent `json:"content"`
	SenderDisplayName string             `json:"senderDisplayName"`
	Sender            wireIdentifier     `json:"senderCommunicationIdentifier"`
	CreatedOn         wireTime           `json:"createdOn"`
	EditedOn          wireTime           `json:"editedOn"`
	DeletedOn         wireTime           `json:"deletedOn"`
	Metadata          map[string]string  `json:"metadata"`

	raw json.RawMessage // all of it
}

type wireMessageContent struct {
	Message      string                  `json:"message"`
	Attachments  []wireAttachment        `json:"attachments"`
	Topic        string                  `json:"topic"`
	Participants []wireListedParticipant `json:"participants"`
	Initiator    wireIdentifier          `json:"initiatorCommunicationIdentifier"`
}

type wireAttachment struct {
	ID         string         `json:"id"`
	Type       AttachmentType `json:"attachmentType"`
	Name       string         `json:"name"`
	URL        string         `json:"url"`
	PreviewURL string         `json:"previewUrl"`
}

// UnmarshalJSON accepts content of any form for a message of an unknown type. One such message must
// not make the rest of the list unreadable.
func (w *wireMessage) UnmarshalJSON(data []byte) error {
	type fields wireMessage // without this method
	w.raw = bytes.Clone(data)
	err := json.Unmarshal(data, (*fields)(w))
	if err == nil {
		return nil
	}
	but := struct {
		*fields
		Content json.RawMessage `json:"content"` // replaces the fields' own
	}{fields: (*fields)(w)}
	if json.Unmarshal(data, &but) != nil {
		return err
	}
	switch w.Type {
	case MessageText, MessageHTML, MessageTopicUpdated, MessageParticipantAdded, MessageParticipantRemoved:
		return err
	default:
		w.Content = wireMessageContent{}
		return nil
	}
}

func (w *wireMessage) validate() error {
	if w.ID == "" {
		return errors.New("message has no id")
	}
	return nil
}

func (w *wireMessage) value() Message {
	return Message{
		ID:                w.ID,
		Type:              w.Type,
		SequenceID:        w.SequenceID,
		Version:           w.Version,
		Content:           w.Content.value(),
		SenderDisplayName: w.SenderDisplayName,
		Sender:            w.Sender.value(),
		CreatedOn:         w.CreatedOn.Time,
		EditedOn:          w.EditedOn.pointer(),
		DeletedOn:         w.DeletedOn.pointer(),
		Metadata:          w.Metadata,
		Raw:               w.raw,
	}
}

func (w *wireMessageContent) value() MessageContent {
	content := MessageContent{Message: w.Message, Topic: w.Topic, Initiator: w.Initiator.value()}
	for _, a := range w.Attachments {
		content.Attachments = append(content.Attachments, Attachment(a))
	}
	for _, p := range w.Participants {
		content.Participants = append(content.Participants, p.value())
	}
	return content
}

type wireMessageList struct {
	Value    []wireMessage `json:"value"`
	NextLink string        `json:"nextLink"`
}

func (w *wireMessageList) validate() error {
	if w.Value == nil {
		return errors.New("list has no value")
	}
	for i := range w.Value {
		if err := w.Value[i].validate(); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}

type wireSendReadReceipt struct {
	MessageID string `json:"chatMessageId"`
}

type wireReadReceipt struct {
	Sender    wireIdentifier `json:"senderCommunicationIdentifier"`
	MessageID string         `json:"chatMessageId"`
	ReadOn    wireTime       `json:"readOn"`
}

type wireReadReceiptList struct {
	Value    []wireReadReceipt `json:"value"`
	NextLink string            `json:"nextLink"`
}

func (w *wireReadReceiptList) validate() error {
	if w.Value == nil {
		return errors.New("list has no value")
	}
	for i, receipt := range w.Value {
		if receipt.MessageID == "" {
			return fmt.Errorf("read receipt %d has no message id", i)
		}
	}
	return nil
}

type wireSendTypingNotification struct {
	SenderDisplayName string `json:"senderDisplayName,omitempty"`
}
