// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"
)

// share is the group of callers that share a limit.
type share int

const (
	perResource share = iota
	perUser
	perThread
	perUserAndThread
)

// limit allows a number of calls of these operations together in any window of time.
type limit struct {
	operations []Operation
	share      share
	calls      int
	window     time.Duration
}

// createUserAndToken is the creation of an identity with a token: it has a limit of its own.
const createUserAndToken Operation = "CreateUserAndToken"

var writeMessage = []Operation{OperationSendMessage, OperationUpdateMessage, OperationDeleteMessage}

// limits are the published ones. There is one more, for members added per resource, but its number
// is not known.
var limits = []limit{
	{[]Operation{OperationCreateThread}, perUser, 10, 10 * time.Second},
	{[]Operation{OperationCreateThread}, perResource, 3000, time.Minute},
	{[]Operation{OperationDeleteThread}, perUser, 10, 10 * time.Second},
	{[]Operation{OperationUpdateThread}, perThread, 5, 10 * time.Second},
	{[]Operation{OperationGetThread, OperationListThreads}, perUser, 50, 10 * time.Second},
	{[]Operation{OperationAddParticipants, OperationRemoveParticipant}, perThread, 10, 10 * time.Second},
	{[]Operation{OperationAddParticipants, OperationRemoveParticipant}, perThread, 30, time.Minute},
	{[]Operation{OperationListParticipants}, perUserAndThread, 10, 10 * time.Second},
	{[]Operation{OperationListParticipants}, perThread, 250, 10 * time.Second},
	{[]Operation{OperationGetMessage}, perUserAndThread, 50, 10 * time.Second},
	{[]Operation{OperationGetMessage}, perThread, 250, 10 * time.Second},
	{[]Operation{OperationListMessages}, perUserAndThread, 50, 10 * time.Second},
	{[]Operation{OperationListMessages}, perUserAndThread, 200, time.Minute},
	{[]Operation{OperationListMessages}, perThread, 250, 10 * time.Second},
	{[]Operation{OperationListMessages}, perThread, 400, time.Minute},
	{writeMessage, perThread, 10, 10 * time.Second},
	{writeMessage, perThread, 30, time.Minute},
	{[]Operation{OperationSendReadReceipt}, perUserAndThread, 10, 10 * time.Second},
	{[]Operation{OperationSendReadReceipt}, perUserAndThread, 30, time.Minute},
	{[]Operation{OperationListReadReceipts}, perUserAndThread, 5, 10 * time.Second},
	{[]Operation{OperationListReadReceipts}, perThread, 100, 10 * time.Second},
	{[]Operation{OperationSendTypingNotification}, perUserAndThread, 5, 10 * time.Second},
	{[]Operation{OperationSendTypingNotification}, perUserAndThread, 15, time.Minute},
	{[]Operation{OperationSendTypingNotification}, perThread, 10, 10 * time.Second},
	{[]Operation{OperationSendTypingNotification}, perThread, 30, time.Minute},
	{[]Operation{OperationCreateUser}, perResource, 1000, 30 * time.Second},
	{[]Operation{createUserAndToken}, perResource, 1000, 30 * time.Second},
	{[]Operation{OperationIssueToken}, perResource, 1000, 30 * time.Second},
	{[]Operation{OperationRevokeTokens}, perResource, 500, 30 * time.Second},
	{[]Operation{OperationDeleteUser}, perResource, 500, 30 * time.Second},
	{[]Operation{OperationExchangeTeamsToken}, perResource, 500, 30 * time.Second},
}

// quotas counts calls against the limits.
type quotas struct {
	byOperation map[Operation][]int // indices of limits

	mu      sync.Mutex
	windows map[windowKey]*window
	sweepAt int // number of windows at which to search for idle ones
}

type windowKey struct {
	limit        int
	user, thread string
}

const firstSweep = 1024

func newQuotas() *quotas {
	q := &quotas{byOperation: map[Operation][]int{}, windows: map[windowKey]*window{}, sweepAt: firstSweep}
	for i, l := range limits {
		for _, operation := range l.operations {
			q.byOperation[operation] = append(q.byOperation[operation], i)
		}
	}
	return q
}

func (q *quotas) reset() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.windows, q.sweepAt = map[windowKey]*window{}, firstSweep
}

// quotaOperation returns the operation whose limits the call counts against.
func (e *exchange) quotaOperation() Operation {
	if e.operation() == OperationCreateUser && bytes.Contains(e.body, []byte("createTokenWithScopes")) {
		return createUserAndToken
	}
	return e.operation()
}

// take counts a call. It returns the time to wait if the call exceeds a limit, otherwise 0. Refused
// calls count too, as the service's documentation warns.
func (q *quotas) take(operation Operation, user, thread string, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	var wait time.Duration
	for _, i := range q.byOperation[operation] {
		key := windowKey{limit: i}
		if s := limits[i].share; s == perUser || s == perUserAndThread {
			key.user = user
		}
		if s := limits[i].share; s == perThread || s == perUserAndThread {
			key.thread = thread
		}
		w := q.windows[key]
		if w == nil {
			w = &window{}
			q.windows[key] = w
		}
		wait = max(wait, w.take(limits[i], now))
	}
	if len(q.windows) >= q.sweepAt {
		q.sweep(now)
	}
	return wait
}

// sweep removes the windows that were idle for their whole length. It runs when their number has
// doubled, so that its cost per call is constant.
func (q *quotas) sweep(now time.Time) {
	for key, w := range q.windows {
		if now.Sub(w.newest()) >= limits[key.limit].window {
			delete(q.windows, key)
		}
	}
	q.sweepAt = max(firstSweep, 2*len(q.windows))
}

// window holds the times of the latest calls in a ring, as many as the limit allows. That is
// enough: another call exceeds the limit exactly if the oldest of them is within the window.
type window struct {
	calls []time.Time
	next  int // the oldest, after the ring is full
}

func (w *window) take(l limit, now time.Time) time.Duration {
	if len(w.calls) < l.calls {
		w.calls = append(w.calls, now)
		w.next = len(w.calls) % l.calls
		return 0
	}
	exceeded := now.Sub(w.calls[w.next]) < l.window
	w.calls[w.next] = now
	w.next = (w.next + 1) % l.calls
	if !exceeded {
		return 0
	}
	return l.window - now.Sub(w.calls[w.next])
}

func (w *window) newest() time.Time {
	if len(w.calls) == 0 {
		return time.Time{}
	}
	return w.calls[(w.next+len(w.calls)-1)%len(w.calls)]
}

// inside returns the number of calls within the limit's window.
func (w *window) inside(l limit, now time.Time) int {
	count := 0
	for _, call := range w.calls {
		if now.Sub(call) < l.window {
			count++
		}
	}
	return count
}

// QuotaUse is the used part of a limit.
type QuotaUse struct {
	Operations []Operation   // that share the limit
	User       string        // the user, if the limit is per user
	ThreadID   string        // the thread, if the limit is per thread
	Window     time.Duration // the window for Calls
	Calls      int
	Used       int // at most Calls, regardless of the number of refused calls
}

// QuotaUse returns the limits that are in use, in the order of the published table.
func (s *Server) QuotaUse() []QuotaUse {
	now := s.now()
	q := s.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	keys := make([]windowKey, 0, len(q.windows))
	for key := range q.windows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b windowKey) int {
		return cmp.Or(cmp.Compare(a.limit, b.limit), cmp.Compare(a.thread, b.thread), cmp.Compare(a.user, b.user))
	})
	var out []QuotaUse
	for _, key := range keys {
		l := limits[key.limit]
		if used := q.windows[key].inside(l, now); used > 0 {
			out = append(out, QuotaUse{
				Operations: slices.Clone(l.operations), User: key.user, ThreadID: key.thread, Window: l.window, Calls: l.calls, Used: used,
			})
		}
	}
	return out
}
