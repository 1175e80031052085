// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxForReceipts is the maximum number of participants in a thread with read receipts and typing
// indicators. The service's refusal in a larger thread is not recorded.
const maxForReceipts = 20

// Receipt is a copy of the latest read receipt of a user.
type Receipt struct {
	User      string    `json:"user"`
	MessageID int64     `json:"messageId,string"`
	ReadOn    time.Time `json:"readOn"`
}

type receiptModel struct {
	Sender    identifierModel `json:"senderCommunicationIdentifier"`
	MessageID string          `json:"chatMessageId"`
	ReadOn    string          `json:"readOn"`
}

type receiptList struct {
	Value    []receiptModel `json:"value"`
	NextLink string         `json:"nextLink,omitempty"`
}

func (s *Server) sendReceipt(e *exchange) (answer, *apiError) {
	if _, err := decodeObject(e.body, fields{{"chatMessageId", &e.itemID}}); err != nil {
		return answer{}, invalidRequest(err)
	}
	if e.itemID == "" {
		return answer{}, badRequest("The request is invalid: chatMessageId is required.")
	}
	id, refusal := e.messageID()
	if refusal == nil {
		refusal = s.store.sendReceipt(e.threadID, e.caller.user, id)
	}
	return answer{status: http.StatusOK}, refusal
}

func (s *Server) listReceipts(e *exchange) (answer, *apiError) {
	skip, size, refusal := e.page()
	if refusal != nil {
		return answer{}, refusal
	}
	page, more, refusal := s.store.listReceipts(e.threadID, e.caller.user, skip, size)
	if refusal != nil {
		return answer{}, refusal
	}
	list := receiptList{Value: make([]receiptModel, len(page))}
	for i, r := range page {
		list.Value[i] = receiptModel{
			Sender: newIdentifierModel(r.User, s.options.WithKind), MessageID: strconv.FormatInt(r.MessageID, 10),
			ReadOn: r.ReadOn.Format(secondsForm),
		}
	}
	if more {
		list.NextLink = e.skipLink("readReceipts", skip+len(page), size)
	}
	return answer{status: http.StatusOK, body: list}, nil
}

// sendTyping accepts a missing body, because clients of old versions send none.
func (s *Server) sendTyping(e *exchange) (answer, *apiError) {
	if len(e.body) > 0 {
		var name string
		if _, err := decodeObject(e.body, fields{{"senderDisplayName", &name}}); err != nil {
			return answer{}, invalidRequest(err)
		}
	}
	return answer{status: http.StatusOK}, s.store.checkTyping(e.threadID, e.caller.user)
}

// small returns a thread of the user, if it is small enough for receipts.
func (st *store) small(id, user string) (*thread, *apiError) {
	t, refusal := st.live(id, user)
	if refusal == nil && len(t.members) > maxForReceipts {
		return nil, badRequest("Read receipts and typing notifications are for threads of at most 20 participants.")
	}
	return t, refusal
}

func (st *store) checkTyping(id, user string) *apiError {
	st.lock()
	defer st.mu.Unlock()
	_, refusal := st.small(id, user)
	return refusal
}

// sendReceipt stores one receipt of each user, that of the latest message.
func (st *store) sendReceipt(id, user string, message int64) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.small(id, user)
	if refusal != nil {
		return refusal
	}
	_, part, _ := st.readable(id, user) // it is, because it is live
	m := t.message(message)
	if m == nil || !part.has(m) {
		return messageNotFound()
	}
	key := userKey(user)
	i := slices.IndexFunc(t.receipts, func(r Receipt) bool { return userKey(r.User) == key })
	if i < 0 {
		i = len(t.receipts)
		t.receipts = append(t.receipts, Receipt{User: st.canonical(user)})
	}
	if t.receipts[i].MessageID < message {
		t.receipts[i].MessageID, t.receipts[i].ReadOn = message, now.UTC()
	}
	return nil
}

// listReceipts returns at most size receipts after the first skip, and whether there are more.
func (st *store) listReceipts(id, user string, skip, size int) (page []Receipt, more bool, refusal *apiError) {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.small(id, user)
	if refusal != nil {
		return nil, false, refusal
	}
	listed := t.receipts
	if st.listDelay > 0 {
		listed = slices.DeleteFunc(slices.Clone(listed), func(r Receipt) bool { return now.Before(r.ReadOn.Add(st.listDelay)) })
	}
	start := min(skip, len(listed))
	end := min(start+size, len(listed))
	return slices.Clone(listed[start:end]), end < len(listed), nil
}
