// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"slices"
	"sort"
	"time"
)

// threadFeed holds the threads of a user in the order of their latest activity. To move a thread
// up, it is appended again. Its old entry is then stale; stale entries are removed when they are
// half of all.
type threadFeed struct {
	entries []feedEntry
	sweepAt int
}

type feedEntry struct {
	thread   *thread
	activity int
}

const smallFeed = 4

func (f *threadFeed) push(t *thread) {
	if len(f.entries) >= max(f.sweepAt, smallFeed) {
		f.entries = slices.DeleteFunc(f.entries, feedEntry.stale)
		f.sweepAt = 2 * len(f.entries)
	}
	f.entries = append(f.entries, feedEntry{t, t.activity})
}

func (e feedEntry) stale() bool { return e.thread.activity != e.activity }

// touch moves a thread to the top of the lists of all present and former members.
func (st *store) touch(t *thread, now time.Time) {
	st.activity++
	t.activity, t.activeOn = st.activity, now
	for key := range t.known {
		feed := st.byUser[key]
		if feed == nil {
			feed = &threadFeed{}
			st.byUser[key] = feed
		}
		feed.push(t)
	}
}

// listing is the entry of a thread in a list.
type listing struct {
	id, topic   string
	deletedOn   *time.Time
	lastMessage int64 // its id; 0: none
}

// listThreads returns the present and former threads of the user, deleted ones included, the latest
// active first: at most size threads with an activity below the number, and whether there are more.
func (st *store) listThreads(user string, below, size int, from time.Time) (page []listing, next int, more bool) {
	now := st.lock()
	defer st.mu.Unlock()
	feed := st.byUser[userKey(user)]
	if feed == nil {
		return nil, 0, false
	}
	i := sort.Search(len(feed.entries), func(i int) bool { return feed.entries[i].activity >= below }) - 1
	for ; i >= 0; i-- {
		t := feed.entries[i].thread
		if feed.entries[i].stale() || now.Before(t.CreatedOn.Add(st.listDelay)) {
			continue
		}
		if t.activeOn.Before(from) {
			break // the following ones are even older
		}
		if len(page) == size {
			return page, next, true
		}
		page = append(page, listing{t.ID, t.Topic, clonePointer(t.DeletedOn), t.lastMessage()})
		next = t.activity
	}
	return page, 0, false
}

// lastMessage returns the id of the latest message, or 0.
func (t *thread) lastMessage() int64 {
	if len(t.messages) == 0 {
		return 0
	}
	return t.messages[len(t.messages)-1].ID
}
