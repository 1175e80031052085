// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Operation names an operation of the service; it is empty for a request that is not an operation.
type Operation string

// The operations of the emulator.
const (
	OperationCreateUser             Operation = "CreateUser"
	OperationIssueToken             Operation = "IssueToken"
	OperationRevokeTokens           Operation = "RevokeTokens"
	OperationDeleteUser             Operation = "DeleteUser"
	OperationExchangeTeamsToken     Operation = "ExchangeTeamsToken"
	OperationCreateThread           Operation = "CreateThread"
	OperationListThreads            Operation = "ListThreads"
	OperationGetThread              Operation = "GetThread"
	OperationUpdateThread           Operation = "UpdateThread"
	OperationDeleteThread           Operation = "DeleteThread"
	OperationListParticipants       Operation = "ListParticipants"
	OperationAddParticipants        Operation = "AddParticipants"
	OperationRemoveParticipant      Operation = "RemoveParticipant"
	OperationSendMessage            Operation = "SendMessage"
	OperationListMessages           Operation = "ListMessages"
	OperationGetMessage             Operation = "GetMessage"
	OperationUpdateMessage          Operation = "UpdateMessage"
	OperationDeleteMessage          Operation = "DeleteMessage"
	OperationSendReadReceipt        Operation = "SendReadReceipt"
	OperationListReadReceipts       Operation = "ListReadReceipts"
	OperationSendTypingNotification Operation = "SendTypingNotification"
)

// IsWrite reports whether the operation changes the state of the service. Issuing a token does not,
// nor does a typing notification.
func (o Operation) IsWrite() bool {
	switch o {
	case OperationCreateUser, OperationRevokeTokens, OperationDeleteUser,
		OperationCreateThread, OperationUpdateThread, OperationDeleteThread,
		OperationAddParticipants, OperationRemoveParticipant,
		OperationSendMessage, OperationUpdateMessage, OperationDeleteMessage, OperationSendReadReceipt:
		return true
	default:
		return false
	}
}

// Request is one request as it arrived, with the status of its response.
type Request struct {
	Seq       int // order of arrival, from 1, never reset
	Time      time.Time
	Operation Operation
	Method    string
	Path      string // as sent: ids are still percent-encoded
	Query     string
	User      string // the owner of the token, if it is valid
	ThreadID  string // decoded; for CreateThread: the new thread
	Status    int    // 0: no response, or not yet
	Header    http.Header
	Body      []byte
}

// requestLog stores requests for tests.
type requestLog struct {
	keep int

	mu      sync.Mutex
	last    int
	entries []*Request
}

// credentials are the headers that are never stored.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// begin stores a request before it has any effect, so that a test can detect a call that has
// arrived and is delayed.
func (l *requestLog) begin(r Request) *Request {
	if l.keep < 0 {
		return nil
	}
	r.Header = r.Header.Clone()
	for _, name := range credentials {
		r.Header.Del(name)
	}
	if r.Operation == OperationExchangeTeamsToken {
		r.Body = nil // it is a credential
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	r.Seq = l.last
	l.entries = append(l.entries, &r)
	// Cutting only at twice the limit keeps the cost per request constant.
	if l.keep > 0 && len(l.entries) >= 2*l.keep {
		l.entries = slices.Clone(l.entries[len(l.entries)-l.keep:])
	}
	return &r
}

// finish stores the status. It runs before the response is written, so that a client with a
// response finds it in Requests.
func (l *requestLog) finish(entry *Request, status int, threadID string) {
	if entry == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.Status, entry.ThreadID = status, threadID
}

// Requests returns the requests since the start or the last ResetRequests, in order of arrival,
// without credentials. Options.KeepRequests may limit them.
func (s *Server) Requests() []Request {
	l := &s.requests
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	if l.keep > 0 && len(entries) > l.keep {
		entries = entries[len(entries)-l.keep:]
	}
	out := make([]Request, len(entries))
	for i, entry := range entries {
		out[i] = *entry
		out[i].Header = entry.Header.Clone()
		out[i].Body = slices.Clone(entry.Body)
	}
	return out
}

// ResetRequests removes the requests so far.
func (s *Server) ResetRequests() {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.entries = nil
}

// lastSeq returns the number of the latest request.
func (l *requestLog) lastSeq() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
