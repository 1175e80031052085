// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"sync"
	"time"
)

// share says who shares a limit.
type share int

const (
	perResource share = iota
	perUser
	perThread
	perUserAndThread
)

// limit allows so many calls of these operations together in any window of time.
type limit struct {
	operations []Operation
	share      share
	calls      int
	window     time.Duration
}

// limits are the published ones of the operations there are. Creating an identity with a token
// has a limit of its own at the service; here it counts as creating one.
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
	{[]Operation{OperationCreateUser}, perResource, 1000, 30 * time.Second},
	{[]Operation{OperationIssueToken}, perResource, 1000, 30 * time.Second},
}

// quotas counts calls against the limits.
type quotas struct {
	byOperation map[Operation][]int // indices of limits

	mu      sync.Mutex
	windows map[windowKey]*window
	sweepAt int // number of windows at which to look for idle ones
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

// take counts a call and gives how long the caller ought to wait when it is one too many,
// otherwise 0. Calls that are refused count too, as the service's documentation warns.
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

// sweep forgets the windows nobody has used for their length. It runs when their number has
// doubled, so that it costs each call a constant amount.
func (q *quotas) sweep(now time.Time) {
	for key, w := range q.windows {
		if now.Sub(w.newest()) >= limits[key.limit].window {
			delete(q.windows, key)
		}
	}
	q.sweepAt = max(firstSweep, 2*len(q.windows))
}

// window holds the times of the latest calls, as many as the limit allows, in a ring. That is
// enough: one call more is too many exactly if the oldest of them lies within the window.
type window struct {
	calls []time.Time
	next  int // the oldest, once the ring is full
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
