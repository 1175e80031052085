// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"container/heap"
	"time"
)

// agenda holds the scheduled changes, the next first. No timer runs: the next call that looks
// applies all changes that are due, with the times at which they were due.
type agenda []appointment

// appointment ends a thread by its retention policy, or removes a deleted user from its threads.
type appointment struct {
	at     time.Time
	thread *thread // nil: see user
	user   *identity
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }

// Push is for container/heap.
func (a *agenda) Push(x any) {
	if due, ok := x.(appointment); ok {
		*a = append(*a, due)
	}
}

// Pop is for container/heap.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	due := (*a)[last]
	(*a)[last] = appointment{}
	*a = (*a)[:last]
	return due
}

// settle applies the changes that are due.
func (st *store) settle(now time.Time) {
	for len(st.agenda) > 0 && !now.Before(st.agenda[0].at) {
		due := st.agenda[0]
		heap.Pop(&st.agenda)
		if due.user != nil {
			st.depart(due.user.id, due.at)
			continue
		}
		// The policy may have changed in the meantime.
		if end, ok := due.thread.end(); ok && !now.Before(end) {
			due.thread.delete(end)
		}
	}
}

// setRetention changes the policy of a thread.
func (st *store) setRetention(t *thread, r *retention) {
	t.retention, t.RetentionDays = r, r.days
	if end, ok := t.end(); ok {
		heap.Push(&st.agenda, appointment{at: end, thread: t})
	}
}

// end returns the time at which the retention policy deletes the thread.
func (t *thread) end() (time.Time, bool) {
	if t.retention == nil || t.retention.days == 0 {
		return time.Time{}, false
	}
	return t.CreatedOn.AddDate(0, 0, int(t.retention.days)), true
}

// depart removes a deleted user from its threads. The message to their members about it is a guess.
func (st *store) depart(user string, at time.Time) {
	key := userKey(user)
	feed := st.byUser[key]
	if feed == nil {
		return
	}
	var in []*thread
	for _, entry := range feed.entries {
		if !entry.stale() && entry.thread.known[key] && entry.thread.DeletedOn == nil {
			in = append(in, entry.thread)
		}
	}
	for _, t := range in {
		t.announce(participantRemoved, user, t.remove(user), at)
		st.touch(t, at)
	}
}
