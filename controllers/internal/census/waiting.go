// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package census

import (
	"container/heap"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// waiting holds the objects of one kind that have waited since some moment, the oldest first. Each
// step costs O(log n).
type waiting struct {
	queue queue
	byUID map[types.UID]*entry
}

// entry is an object that waits.
type entry struct {
	uid   types.UID
	since time.Time
	// index is the place in the heap.
	index int
}

func newWaiting() *waiting { return &waiting{byUID: map[types.UID]*entry{}} }

// put adds an object, or changes since when it waits.
func (w *waiting) put(uid types.UID, since time.Time) {
	found, ok := w.byUID[uid]
	switch {
	case !ok:
		found = &entry{uid: uid, since: since}
		w.byUID[uid] = found
		heap.Push(&w.queue, found)
	case !found.since.Equal(since):
		found.since = since
		heap.Fix(&w.queue, found.index)
	}
}

// remove forgets an object.
func (w *waiting) remove(uid types.UID) {
	if found, ok := w.byUID[uid]; ok {
		heap.Remove(&w.queue, found.index)
		delete(w.byUID, uid)
	}
}

// since returns since when an object waits.
func (w *waiting) since(uid types.UID) (since time.Time, known bool) {
	found, ok := w.byUID[uid]
	if !ok {
		return time.Time{}, false
	}
	return found.since, true
}

// oldest returns for how long the oldest object has waited; zero if none waits. The clock of the
// API server may be ahead.
func (w *waiting) oldest(now time.Time) time.Duration {
	if len(w.queue) == 0 {
		return 0
	}
	return max(now.Sub(w.queue[0].since), 0)
}

// queue implements heap.Interface.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].since.Before(q[j].since) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push adds an entry at the end.
func (q *queue) Push(x any) {
	if e, ok := x.(*entry); ok {
		e.index = len(*q)
		*q = append(*q, e)
	}
}

// Pop removes the entry at the end.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
