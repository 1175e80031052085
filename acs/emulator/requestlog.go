// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Operation names an operation of the service; empty stands for a request that is none.
type Operation string

// The operations the emulator knows.
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

// IsWrite reports whether the operation changes what the service holds. Issuing a token does not,
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

// Request is one request as it arrived, and how it was answered.
type Request struct {
	Seq       int // order of arrival, from 1, never reset
	Time      time.Time
	Operation Operation
	Method    string
	Path      string // as sent: ids are still percent-encoded
	Query     string
	User      string // who the token belongs to, where it is a valid one
	ThreadID  string // decoded; of CreateThread: the thread it gave
	Status    int    // 0: not answered, or not yet
	Header    http.Header
	Body      []byte
}

// requestLog remembers requests for tests.
type requestLog struct {
	keep int

	mu      sync.Mutex
	last    int
	entries []*Request
}

// credentials are the headers that are never remembered.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// begin remembers a request before anything is done about it, so that a test can see that a
// call has arrived and is held up.
func (l *requestLog) begin(r Request) *Request {
	if l.keep < 0 {
		return nil
	}
	r.Header = r.Header.Clone()
	for _, name := range credentials {
		r.Header.Del(name)
	}
	if r.Operation == OperationExchangeTeamsToken {
		r.Body = nil // is a credential
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	r.Seq = l.last
	l.entries = append(l.entries, &r)
	// Twice the bound before cutting keeps the cost per request constant.
	if l.keep > 0 && len(l.entries) >= 2*l.keep {
		l.entries = slices.Clone(l.entries[len(l.entries)-l.keep:])
	}
	return &r
}

// finish notes the answer. It is called before the answer is written: who has got an answer
// finds it in Requests.
func (l *requestLog) finish(entry *Request, status int, threadID string) {
	if entry == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.Status, entry.ThreadID = status, threadID
}

// Requests gives the requests since the start or the last ResetRequests, in order of arrival,
// without credentials. Options.KeepRequests may bound them.
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

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.entries = nil
}

// lastSeq is the number of the latest request.
func (l *requestLog) lastSeq() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
